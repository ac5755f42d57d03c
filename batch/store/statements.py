"""Loads the batch layer's SQL statements: the rule and the code are in `clients.statements`."""

from clients.statements import load_statements as load_statements
