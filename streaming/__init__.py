"""The streaming layer: the job's SQL, its submission, and control of the running job."""
