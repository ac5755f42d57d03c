"""The dashboards, one module each; the kinds of panel are in `monitoring.grafana.panels`."""
