"""The streaming layer: the Java in `operator`, its plans and submission in `submit`, the running job in `control`.

Python writes the plan and controls the job; it computes no row. Nothing here imports the batch layer.
"""
