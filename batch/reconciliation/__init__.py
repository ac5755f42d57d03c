"""Compares the stream with the batch results: classifies differences, accounts for records, keeps the audit trail."""
