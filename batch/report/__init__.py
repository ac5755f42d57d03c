"""What some runs found, read back from the audit trail for commands and charts."""
