"""Structured logs of the Python parts: JSON files always, and Splunk where the settings name one."""
