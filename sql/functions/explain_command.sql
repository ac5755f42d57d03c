-- How is one window traced? Each difference of the audit trail with the command to paste. The views that reports read have
-- no such column: theirs are a contract with the semantic model.

-- a word as a POSIX shell takes it; batch/explain/command.py is the same rule in Python
CREATE OR REPLACE FUNCTION sma.shell_word(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN word COLLATE "C" ~ '^[A-Za-z0-9_@%+=:,./-]+$' THEN word
    ELSE '''' || replace(word, '''', '''"''"''') || ''''
END;

CREATE OR REPLACE FUNCTION sma.explain_command(customer text, metric text, average text, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN 'sma explain '
    || CASE WHEN starts_with(customer, '-') OR starts_with(metric, '-') THEN '-- ' ELSE '' END
    || sma.shell_word(customer) || ' '
    || sma.shell_word(metric) || ' '
    || sma.shell_word(average) || ' '
    || to_char(as_of AT TIME ZONE INTERVAL '0', 'YYYY-MM-DD"T"HH24:MI:SS')
    || CASE
        WHEN date_trunc('second', as_of) = as_of THEN ''
        ELSE to_char(as_of AT TIME ZONE INTERVAL '0', '.MS')
    END
    || 'Z';

-- every window in which a reconciliation found the layers to differ
CREATE OR REPLACE VIEW sma.differing_windows AS
SELECT
    run_id,
    customer,
    metric,
    average,
    as_of,
    class,
    is_explained,
    late_event_count,
    stream_value_sum,
    stream_event_count,
    batch_value_sum,
    batch_event_count,
    reconciled_at,
    sma.explain_command(customer, metric, average, as_of) AS explain
FROM sma.differences;
