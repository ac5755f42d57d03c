"""Stores the batch results: writes, corrects and drops them. How they are computed does not belong here."""
