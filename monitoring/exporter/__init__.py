"""The exporter: the metrics that the project serves to Prometheus, read from each service as a client would."""
