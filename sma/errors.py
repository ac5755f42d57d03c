"""The one error that a user sees: what was wrong, where, and the way out."""


class SmaError(Exception):
    """Something the user can mend; its text is one line, shown without a traceback."""
