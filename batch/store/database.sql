-- Statements of database: they read the clock that `written_at` is taken from.

-- read_clock --
SELECT clock_timestamp()
