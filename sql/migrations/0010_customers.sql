-- Whom do we serve, and who may connect at all? Each customer has a role that reads views of its own rows and nothing
-- else (docs/decisions/0019); the views themselves are made by sql/customers.py.
CREATE TABLE sma.customers (
    customer text PRIMARY KEY,
    role_name text NOT NULL UNIQUE,
    schema_name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sma.customers IS 'Customers that read for themselves: by which role, and in which schema their views are.';
COMMENT ON COLUMN sma.customers.rotated_at IS 'when the role last got a new password, which is kept nowhere';

-- What readers see of the stream is spans of time of one average: found without touching the rows of the others. It takes
-- the place of the index that TimescaleDB made, on as_of alone.
CREATE INDEX streaming_averages_as_of_average_idx ON sma.streaming_averages (as_of DESC, average);
DROP INDEX sma.streaming_averages_as_of_idx;

-- PostgreSQL lets everybody connect and make temporary functions, unless told otherwise
DO $$
BEGIN
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO sma_streaming, sma_batch, sma_serving, sma_dagster, sma_reader',
        current_database()
    );
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO sma_streaming, sma_batch', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO sma_streaming, sma_batch, sma_serving, sma_dagster, sma_reader;

-- what a report shows of an average's window
ALTER TABLE sma.averages ADD COLUMN description text;
COMMENT ON COLUMN sma.averages.description IS 'the window and every, in words; null until the definition is stored again';
