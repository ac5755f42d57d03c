"""Connects to PostgreSQL, moves rows in and out without losing a digit, and loads named statements."""
