"""Connections to PostgreSQL, rows in and out without losing a digit, and named statements; not which rows to write."""
