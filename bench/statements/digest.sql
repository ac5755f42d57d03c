-- In PostgreSQL: the digest of a table of averages, as bench/digest.py makes it of rows.
SELECT
    count(*),
    coalesce(sum(event_count), 0),
    coalesce(sum(('x' || left(md5(row), 14))::bit(56)::bigint), 0)
FROM (
    SELECT
        event_count,
        concat_ws(
            '/',
            customer,
            metric,
            average,
            (extract(EPOCH FROM as_of) * 1000)::bigint,
            trunc(value_sum * 1000000),
            event_count
        ) AS row
    FROM {table}
) AS rows
