-- What does the exporter read? Everything, as the role that may read everything: so that role may ask this too.
GRANT EXECUTE ON FUNCTION sma.unrefreshed_days TO sma_reader;
