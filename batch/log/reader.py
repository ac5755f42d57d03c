"""Reads one partition of the log as columns, or the bytes of its records."""

from batch.log.chunk import Chunk, Value
from batch.log.fast_reader import read_partition, read_values

__all__ = ["Chunk", "Value", "read_partition", "read_values"]
