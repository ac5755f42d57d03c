"""The local stack: Kafka, TimescaleDB, Flink and Dagster as plain processes of this machine, without Docker."""
