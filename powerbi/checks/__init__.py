"""Checks of the Power BI project's files; not whether Power BI itself opens them."""
