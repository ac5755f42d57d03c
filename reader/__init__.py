"""Reads averages: the served rows as frames or files, and the stream's rows as they come. Writes to no service."""
