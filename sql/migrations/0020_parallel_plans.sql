-- TimescaleDB's parallel-aware ChunkAppend returns no rows, at random, where a filter compares with the result of a subquery,
-- as generation = (SELECT sma.present_generation()). Without it, chunks are still read in parallel, by PostgreSQL's own nodes:
-- docs/decisions/0040-plans-that-lose-rows.md
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timescaledb.enable_parallel_chunk_append = off', current_database());
END
$$;
