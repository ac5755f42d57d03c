-- Takes from PUBLIC what PostgreSQL and TimescaleDB let every role of a database do, and gives it to this project's roles, so
-- that customers cannot do it (docs/decisions/0045-what-a-customer-can-use.md). A superuser runs it after the migrations, as
-- often as it likes. `sma up` does so for the local stack; for another database:
--     psql -d DATABASE -1 -v ON_ERROR_STOP=1 -f sql/superuser/restrict_public.sql
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
    roles text;
    object text;
BEGIN
    -- pg_monitor has what PUBLIC had before the first run, so a later run finds the same objects
    SELECT string_agg(quote_ident(rolname), ', ') INTO roles
    FROM pg_roles
    WHERE rolname IN (owner, 'sma_streaming', 'sma_batch', 'sma_serving', 'sma_reader', 'pg_monitor');

    -- blocks of code
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
    EXECUTE format('GRANT USAGE ON LANGUAGE plpgsql TO %I', owner);

    FOR object IN
        SELECT oid::regprocedure
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND has_function_privilege('pg_monitor', oid, 'EXECUTE')
            AND (
                -- what other sessions do, and how many rows and bytes each table has
                starts_with(proname, 'pg_stat_get_')
                OR proname IN ('pg_lock_status', 'pg_prepared_xact', 'pg_get_replication_slots')
                OR proname IN ('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size')
                OR proname IN ('pg_database_size', 'pg_tablespace_size')
                -- locks that commands of this project wait for, and that take room from the locks of others
                OR proname LIKE 'pg\_%advisory\_%'
                -- writes to the server's log of changes and its queue of notifications, and transaction ids
                OR proname IN ('pg_logical_emit_message', 'pg_notify', 'pg_current_xact_id', 'txid_current')
            )
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', object);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', object, roles);
    END LOOP;

    -- large objects, with which anybody could fill the disk; nothing in this project uses them
    FOR object IN
        SELECT oid::regprocedure
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND (starts_with(proname, 'lo_') OR proname IN ('loread', 'lowrite'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', object);
    END LOOP;

    -- TimescaleDB's own views, tables, sequences and functions. Its planner looks up names in its schemas with the rights of whoever
    -- sends a query, so the schemas _timescaledb_... stay usable.
    FOREACH object IN ARRAY ARRAY['timescaledb_information', 'timescaledb_experimental'] LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', object);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', object, roles);
    END LOOP;
    FOR object IN
        SELECT members.oid::regclass
        FROM pg_class AS members
        INNER JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = members.oid AND deptype = 'e'
        INNER JOIN pg_extension AS extensions ON refclassid = 'pg_extension'::regclass AND refobjid = extensions.oid
        WHERE extname = 'timescaledb'
            AND relkind IN ('r', 'v', 'S')
            AND has_table_privilege('pg_monitor', members.oid, 'SELECT')
    LOOP
        EXECUTE format('REVOKE SELECT ON %s FROM PUBLIC', object);
        EXECUTE format('GRANT SELECT ON %s TO %s', object, roles);
    END LOOP;
    FOR object IN
        SELECT members.oid::regprocedure
        FROM pg_proc AS members
        INNER JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = members.oid AND deptype = 'e'
        INNER JOIN pg_extension AS extensions ON refclassid = 'pg_extension'::regclass AND refobjid = extensions.oid
        WHERE extname = 'timescaledb'
            AND starts_with(pronamespace::regnamespace::text, '_timescaledb_')
            AND has_function_privilege('pg_monitor', members.oid, 'EXECUTE')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', object);
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', object, roles);
    END LOOP;

    -- so that the owner can limit a customer's temporary files
    EXECUTE format('GRANT SET ON PARAMETER temp_file_limit TO %I', owner);
END
$$;

-- Only a superuser can see whether a customer has changed its password. The owner gets a digest, of customers' roles alone.
DROP FUNCTION IF EXISTS sma.password_digest;
CREATE FUNCTION sma.password_digest(role_name text)
RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex')
    FROM pg_authid
    WHERE rolname = role_name AND starts_with(rolname, current_database() || '/')
$$;
COMMENT ON FUNCTION sma.password_digest IS 'SHA-256, in hex, of the verifier of the password that a customer''s role has now.';
REVOKE ALL ON FUNCTION sma.password_digest FROM PUBLIC;
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION sma.password_digest TO %I', owner);
END
$$;
