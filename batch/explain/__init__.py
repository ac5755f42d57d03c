"""One served value traced to the events of its window; reads only, and prints nothing."""
