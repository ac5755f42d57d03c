-- Instants as milliseconds since the Unix epoch, and the day (UTC) that an instant belongs to. sma/instants.py is the same
-- rule in Python. Plain expressions of their arguments, so that the planner puts them in the place of the call.

CREATE OR REPLACE FUNCTION sma.epoch_ms(instant timestamptz) RETURNS bigint
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (extract(epoch FROM instant) * 1000)::bigint;

CREATE OR REPLACE FUNCTION sma.day_of(instant timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (instant AT TIME ZONE INTERVAL '0')::date;

CREATE OR REPLACE FUNCTION sma.day_of_ms(time_ms bigint) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN DATE '1970-01-01' + sma.floor_div(time_ms, 86400000)::integer;

CREATE OR REPLACE FUNCTION sma.day_start_ms(day date) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (day - DATE '1970-01-01') * 86400000::bigint;

-- where the tables of reports begin: Power BI has no earlier times (docs/powerbi.md)
CREATE OR REPLACE FUNCTION sma.report_start() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN TIMESTAMPTZ '1900-03-01 00:00:00+00';
