"""One client for each service: its connection, its time-outs, and the errors for a service that does not answer.

What a request is for belongs to the caller.
"""
