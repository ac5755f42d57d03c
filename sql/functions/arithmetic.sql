-- Whole-number arithmetic that the other functions use.

-- division that rounds down, before the epoch as after it; PostgreSQL's own rounds towards zero
CREATE OR REPLACE FUNCTION sma.floor_div(dividend bigint, divisor bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN dividend / divisor - (dividend % divisor < 0)::integer;
