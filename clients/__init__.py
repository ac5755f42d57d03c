"""One client for each service: how it is reached, how long it may take, and how it is said that it does not answer.

What is asked of a service, and why, belongs to whoever asks.
"""
