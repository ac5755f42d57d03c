"""The batch layer: computes every window exactly from the retained log, and compares the result with the stream's rows.

It reads Kafka, computes with polars, numpy and numba, and writes to PostgreSQL. Dagster calls it from `orchestration`;
nothing here imports Dagster. docs/develop/map.md draws the rooms and the order in which they may import each other.
"""
