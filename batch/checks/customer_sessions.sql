-- Statements of customer_sessions: they end what customers leave open for too long.

-- end_sessions --
SELECT
    role_name,
    open_for
FROM sma.end_customer_sessions(%(longest)s)
