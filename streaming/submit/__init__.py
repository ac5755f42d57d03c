"""What a job computes, with which options, and handing it to the cluster; not whether or when to start it."""
