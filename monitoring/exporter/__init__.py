"""The exporter: what the project measures about itself, for Prometheus."""
