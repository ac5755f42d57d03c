"""The command line `sma`: options, tables and exit codes; the work is done in the packages that it calls."""
