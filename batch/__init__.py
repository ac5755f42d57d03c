"""The batch layer: what the retained log says, exactly, and where the stream said otherwise.

Reads Kafka, computes with polars, writes PostgreSQL. Knows nothing of Dagster, which only calls it.
"""
