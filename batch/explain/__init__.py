"""Traces one served value to the events of its window; reads only, and prints nothing."""
