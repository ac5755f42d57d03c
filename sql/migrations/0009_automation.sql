-- What does Dagster need to decide for itself (docs/decisions/0016)? To know which days the log has gained events of, and
-- to drop old rows.

-- an answer is computed from the whole index, so a day has gained events since iff this is beyond the answer's read_to
ALTER TABLE sma.series_days ADD COLUMN next_offset bigint;
UPDATE sma.series_days
SET next_offset = held.next_offset
FROM sma.indexed_partitions AS held
WHERE held.kafka_partition = series_days.kafka_partition;
ALTER TABLE sma.series_days ALTER COLUMN next_offset SET NOT NULL;
COMMENT ON COLUMN sma.series_days.next_offset IS
    'how far the partition was indexed, one past the last record, when the day last gained an event';

-- TimescaleDB's own retention policies are not in its Apache edition, and the role that drops rows owns no table: so a
-- function of the owner's, which can only drop what is older than a bound
CREATE FUNCTION sma.drop_chunks_before(bound timestamptz)
RETURNS TABLE (relation text, chunk_count bigint, row_count bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chunk regclass;
    chunk_rows bigint;
BEGIN
    IF bound IS NULL OR bound > now() - INTERVAL '1 day' THEN
        RAISE EXCEPTION 'rows of the last day are not dropped: the bound is %', coalesce(bound::text, 'missing');
    END IF;
    FOREACH relation IN ARRAY ARRAY['streaming_averages', 'batch_averages', 'differences', 'corrections'] LOOP
        chunk_count := 0;
        row_count := 0;
        FOR chunk IN SELECT public.show_chunks(format('sma.%I', relation)::regclass, older_than => bound) LOOP
            EXECUTE format('SELECT count(*) FROM %s', chunk) INTO chunk_rows;
            chunk_count := chunk_count + 1;
            row_count := row_count + chunk_rows;
        END LOOP;
        PERFORM public.drop_chunks(format('sma.%I', relation)::regclass, older_than => bound);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sma.drop_chunks_before IS
    'Drops the chunks of the averages, differences and corrections that hold only rows with as_of before the bound, a day ago or earlier.';

REVOKE ALL ON FUNCTION sma.drop_chunks_before FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sma.drop_chunks_before TO sma_batch;
