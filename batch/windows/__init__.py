"""Exact windows from the log: what to read for some days, and their rows; not whether and how rows are stored."""
