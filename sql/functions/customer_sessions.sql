-- Ends sessions of customers whose transaction lasts too long: a role can lift its own time-outs, so these are no limit.
CREATE OR REPLACE FUNCTION sma.end_customer_sessions(longest interval)
RETURNS TABLE (role_name text, open_for interval)
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH lasting AS MATERIALIZED (
        SELECT
            activity.pid,
            customers.role_name,
            clock_timestamp() - activity.xact_start AS open_for
        FROM pg_stat_activity AS activity
        INNER JOIN sma.customers ON customers.role_name = activity.usename
        WHERE activity.datname = current_database() AND activity.xact_start < clock_timestamp() - longest
    )
    SELECT
        role_name,
        open_for
    FROM lasting
    WHERE pg_terminate_backend(pid)
$$;
COMMENT ON FUNCTION sma.end_customer_sessions IS
    'Ends the sessions of customers that have a transaction open for longer than an interval, and returns them.';
REVOKE ALL ON FUNCTION sma.end_customer_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sma.end_customer_sessions TO sma_batch;
