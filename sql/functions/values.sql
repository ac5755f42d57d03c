-- Values: the exact quotient of a sum and a count, and a sum as the batch layer computes with it.

-- The one place where a sum is divided: the exact quotient, rounded half away from zero to 9 decimals. Numeric division
-- alone keeps as many decimals as give 16 significant digits, and no fewer than its operands have: so the sum gets 26. A
-- quotient that is no tie is at least 1 / (2 * 10^9 * event_count) away from one, so that 26 decimals decide for all
-- counts below 10^16 (docs/decisions/0019).
CREATE OR REPLACE FUNCTION serving.average(value_sum numeric, event_count bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN round(value_sum * 1.00000000000000000000 / event_count, 9);

-- a sum in micro-units; the scale is `value_scale` in sma/limits.properties
CREATE OR REPLACE FUNCTION sma.micros(value_sum numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trunc(value_sum * 1000000);
