"""Writes heartbeats to quiet partitions, so that they hold nobody's windows back: `python -m heartbeats`.

What a heartbeat does to a partition is the rule of both layers (`sma.event`); which events there are is a producer's.
"""
