"""Refreshes of the Power BI model: when one is due, what it asks for, and how it ended; without Dagster."""
