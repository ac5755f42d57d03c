"""The stored batch results: written, corrected, and dropped when they are old; not how they are computed."""
