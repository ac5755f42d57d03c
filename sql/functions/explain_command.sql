-- The command that traces one window, to paste into a shell; batch/explain/command.py has the same rule in Python.

-- a word as a POSIX shell takes it
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
