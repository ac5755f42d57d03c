"""The rules that both layers share: events, values, averages, windows, times; and the settings of all parts.

Reads averages.yaml, sma.env and the environment, and talks to no service. Imports no other package of this project.
"""
