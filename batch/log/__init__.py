"""Reads Kafka's log as columns of events, and its offsets; days, windows and the database do not belong here."""
