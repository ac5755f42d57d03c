"""Plans what to read of the log for some days, and computes their exact rows; not whether and how rows are stored."""
