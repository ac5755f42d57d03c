"""Audits settled days: recomputes them in turn, counts the rows of those that Kafka lost, and keeps a trail."""
