-- Statements of blocks: they select the parts of the log that hold the events of a span of time.

-- read_blocks --
SELECT
    first_offset,
    next_offset,
    oldest_event_ms,
    newest_event_ms
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND newest_event_ms >= %(from_ms)s
    AND oldest_event_ms < %(until_ms)s
ORDER BY first_offset
