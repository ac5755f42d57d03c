-- View of the rows that are not final, whatever a reconciliation finds, and why: those of a series with
-- from_as_of <= as_of < until_as_of. Without an until_as_of, the end is not known yet.
CREATE OR REPLACE VIEW serving.unsettled AS
SELECT
    customer,
    metric,
    from_time AS from_as_of,
    nullif(until_time, 'infinity') AS until_as_of,
    reason
FROM sma.unsettled;

GRANT SELECT ON serving.unsettled TO sma_serving, sma_reader;
