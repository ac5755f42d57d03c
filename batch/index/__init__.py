"""Keeps the offset index: where in the log the events of a time are, and which events are late."""
