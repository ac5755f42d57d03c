"""The database's Python: runs the migrations and views of `sql`, stores the averages, and adds customers."""
