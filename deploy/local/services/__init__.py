"""The parts of the local stack: their programs, configuration, files and health checks; not the order of starting."""
