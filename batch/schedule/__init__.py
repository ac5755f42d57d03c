"""Which days to reconcile, and which Kafka offsets they need; not when: that is Dagster's."""
