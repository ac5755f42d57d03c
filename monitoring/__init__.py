"""Metrics, alerts, dashboards and logs for whoever is on call. Nothing that is measured imports the exporter."""
