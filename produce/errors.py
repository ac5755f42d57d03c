"""The errors of single cells, which `produce.csv_file` gives their file, line and column."""


class BadCell(ValueError):
    """A cell cannot be read; `row` counts from 0 within what was read, `problem` says why and what to do."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem
