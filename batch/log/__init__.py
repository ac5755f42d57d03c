"""Kafka's log as columns of events, and its offsets; nothing here knows days, windows or the database."""
