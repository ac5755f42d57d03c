"""What both layers must agree on: the event, the averages, the windows.

Nothing here talks to a service, and nothing here imports another package of this project.
"""
