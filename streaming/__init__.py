"""The streaming layer: the Flink jobs, their plans and options, their submission, and control of the running job."""
