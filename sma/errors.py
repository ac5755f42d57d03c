"""Defines the one error that a user sees: what was wrong, where, and what to do."""


class SmaError(Exception):
    """An error that the user can correct; its text is one line, shown without a traceback."""


def first_line_of(error: Exception) -> str:
    """Return the first line of an error's text, or its type's name where the text is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
