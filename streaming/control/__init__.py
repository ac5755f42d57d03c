"""The running job: start, stop, progress, savepoints, upgrade, replay, reprocessing; not what it computes."""
