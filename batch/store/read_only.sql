-- Statements of read_only: they limit the time that a read may take.

-- limit_time --
SELECT set_config('transaction_timeout', %(limit)s, false)
