-- The newest row of a customer is found without a look at each of its series.
DROP VIEW IF EXISTS sma.reached CASCADE;
CREATE INDEX streaming_averages_customer_as_of_idx ON sma.streaming_averages (customer, as_of DESC);
CREATE INDEX batch_averages_customer_as_of_idx ON sma.batch_averages (customer, as_of DESC);
