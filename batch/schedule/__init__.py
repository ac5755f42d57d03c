"""Selects the days to reconcile, and the Kafka offsets they require. When they run is Dagster's."""
