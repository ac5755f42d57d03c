"""Reads the results of some runs from the audit trail, for commands and charts."""
