"""Metrics, alerts, dashboards and logs: what tells whoever is on call that something is wrong, and what."""
