"""Checks of the index, of Kafka's retention and of the Flink job, as findings; not how Dagster shows them."""
