"""Kafka: librdkafka's clients, offsets, consumer groups and the wire protocol; each module loads only what it needs."""
