-- Statements of customer_roles: what a customer's role may do beyond its views, and whether its password is the given one.

-- list_left_open --
SELECT description
FROM (
    VALUES
    ('run DO blocks', has_language_privilege(%(role)s, 'plpgsql', 'USAGE')),
    (
        'see the statistics of all tables and sessions',
        has_function_privilege(%(role)s, 'pg_catalog.pg_stat_get_live_tuples(oid)', 'EXECUTE')
    ),
    ('read the catalog of TimescaleDB', has_table_privilege(%(role)s, '_timescaledb_catalog.chunk', 'SELECT')),
    ('make large objects', has_function_privilege(%(role)s, 'pg_catalog.lo_create(oid)', 'EXECUTE')),
    ('take advisory locks', has_function_privilege(%(role)s, 'pg_catalog.pg_advisory_lock(bigint)', 'EXECUTE')),
    (
        'write temporary files of any size',
        NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_db_role_setting AS settings
            CROSS JOIN LATERAL unnest(settings.setconfig) AS setting
            INNER JOIN pg_catalog.pg_roles AS roles ON roles.oid = settings.setrole
            WHERE roles.rolname = %(role)s AND starts_with(setting, 'temp_file_limit=')
        )
    )
) AS rights (description, is_open)
WHERE is_open
UNION ALL
SELECT 'connect to the database ' || datname
FROM pg_catalog.pg_database
WHERE datallowconn AND datname <> current_database() AND has_database_privilege(%(role)s, oid, 'CONNECT')

-- has_digests --
SELECT coalesce(has_function_privilege(to_regprocedure('sma.password_digest(text)'), 'EXECUTE'), false)

-- read_digest --
SELECT sma.password_digest(%(role)s)
