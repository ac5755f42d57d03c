"""Grafana dashboards: written as Python in `boards`, kept as JSON in `dashboards`."""
