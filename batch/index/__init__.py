"""The offset index: where in the log events of a time are, and which events are late; not how windows are computed."""
