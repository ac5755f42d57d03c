-- Names in reports. Power BI compares text without case and trailing blanks, so `acme`, `ACME` and `acme ` are one name
-- to it. Reports join by keys, which differ under that comparison too, and show labels.

-- the key of a name: its bytes in hex. Two names never have one key, and a name has the same key in every view, for ever
CREATE OR REPLACE FUNCTION serving.key(name text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN encode(convert_to(name, 'UTF8'), 'hex');

-- a name as Power BI compares it; the collation maps the case of all of Unicode, whatever the database's own is
CREATE OR REPLACE FUNCTION sma.folded(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rtrim(lower(upper(name COLLATE "pg_c_utf8")));

-- what a report shows of a name: the name, and its key where another name is the same to Power BI. A name that looks
-- like such a label gets its key too, so that no name equals the label of another.
CREATE OR REPLACE FUNCTION sma.label(name text, is_ambiguous boolean) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN is_ambiguous OR name ~* ' \([0-9a-f]+\) *$' THEN name || ' (' || serving.key(name) || ')'
    ELSE name
END;
