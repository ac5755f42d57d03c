-- Where rows go when nothing but computing them is measured.
CREATE TABLE nowhere (
    customer STRING,
    metric STRING,
    as_of TIMESTAMP_LTZ(3),
    value_sum DECIMAL(38, 6),
    event_count BIGINT
) WITH ('connector' = 'blackhole')
