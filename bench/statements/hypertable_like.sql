-- In PostgreSQL: a hypertable with the key and chunks of one of ours, for what is compared with.
CREATE TABLE IF NOT EXISTS {table} (LIKE {ours} INCLUDING ALL);
SELECT create_hypertable({table_name}, by_range('as_of', INTERVAL '7 days'), if_not_exists => true);
ALTER TABLE {table} OWNER TO sma_owner;
