-- A partition that was empty holds no window back. When it gets its first events, of a time whose windows are closed in
-- the others, its own windows are still open: its watermark decides. See docs/decisions/0047.
ALTER TABLE sma.batch_days ADD COLUMN lagging jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN sma.batch_days.lagging IS
    'partition -> last instant that can be an as_of of a closed window there, in milliseconds since the epoch; of the '
    'partitions in which fewer windows were closed than up to low_watermark';

ALTER TABLE sma.indexed_partitions ADD COLUMN settled_ms bigint;
COMMENT ON COLUMN sma.indexed_partitions.settled_ms IS
    'up to which as_of windows of the partition were closed when a batch result was computed, in milliseconds since '
    'the epoch: they stay closed';

-- until now, a partition without a record held all windows back, so what was closed was closed in each of them
UPDATE sma.indexed_partitions
SET settled_ms = (SELECT floor(extract(epoch FROM max(low_watermark)) * 1000)::bigint FROM sma.batch_days)
WHERE max_log_time_ms IS NOT NULL;
