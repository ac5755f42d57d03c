"""Writes what a job computes and its options, and submits it to the cluster; not whether or when to start it."""
