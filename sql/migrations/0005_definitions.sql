-- By which window was each average computed? Readers are told by it whether a window of N events was full.
CREATE TABLE sma.averages (
    name text PRIMARY KEY,
    window_events bigint CHECK (window_events > 0),
    window_ms bigint CHECK (window_ms > 0),
    every_ms bigint NOT NULL CHECK (every_ms > 0),
    CHECK (num_nonnulls(window_events, window_ms) = 1)
);
COMMENT ON TABLE sma.averages IS
    'averages.yaml as it was last stored; one that was taken out of the file stays, as its rows do.';

-- 0004 lets sma_reader read each table made after it; the view that needs this one reads it as its owner.
