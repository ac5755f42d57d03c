-- Statements of retention: they drop the rows of days that are no longer kept.

-- drop_chunks --
SELECT
    relation,
    chunk_count,
    row_count
FROM sma.drop_chunks_before(%(bound)s)
