"""The local stack: Kafka, TimescaleDB, Flink, Dagster and Prometheus as processes of this machine, without Docker."""
