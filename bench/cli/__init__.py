"""What a command costs before it does anything, next to Python's own start."""
