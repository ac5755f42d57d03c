"""The demo: real flights of January 2013, from publishing to reconciled averages."""
