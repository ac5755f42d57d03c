"""Bringing the system up: Kafka's topics, and the local stack."""
