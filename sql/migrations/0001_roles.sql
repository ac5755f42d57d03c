-- Which parts does the system have? One role for each; none owns a table, and each gets no more than its part needs.
-- Roles belong to the whole server, so another database of it may have made them already.
DO $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['sma_streaming', 'sma_batch', 'sma_serving', 'sma_dagster', 'sma_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = part) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', part);
        END IF;
    END LOOP;
END
$$;
