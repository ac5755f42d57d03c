"""How a CSV file is laid out: its columns, its times, its numbers. The options of `sma produce`, checked.

Nothing here reads a file.
"""

from dataclasses import dataclass

from sma.errors import SmaError

ALL_COLUMNS = "*"
DELIMITERS = (",", ";", "\t", "|")
SPACES = " \u00a0\u202f"
"""What a space between thousands may be: the plain one, and two that do not break a line."""

_NOT_SEPARATORS = frozenset('+-eE"0123456789')


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column has which field, and how its cells are written.

    The customer is either given or comes from a column, and so is the metric. Without both of `metric` and
    `metric_column`, each of the value columns is a metric of its name: the file is wide.
    """

    time_column: str
    value_columns: tuple[str, ...]
    customer: str | None = None
    customer_column: str | None = None
    metric: str | None = None
    metric_column: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = ()
    skip_missing: bool = False
    multiline: bool = False

    def __post_init__(self) -> None:
        """Check what the options say together.

        Raises:
            SmaError: they contradict each other; the text names the option and the fix.
        """
        if (self.customer is None) == (self.customer_column is None):
            raise SmaError("give either --customer or --customer-column")
        if self.metric is not None and self.metric_column is not None:
            raise SmaError("give either --metric or --metric-column")
        if not self.is_wide and len(self.value_columns) != 1:
            raise SmaError("--value-columns makes each column a metric: leave out --metric and --metric-column")
        if not self.is_wide and ALL_COLUMNS in self.value_columns:
            raise SmaError("--value-columns '*' makes each column a metric: leave out --metric and --metric-column")
        if not self.value_columns or "" in self.value_columns or len(set(self.value_columns)) < len(self.value_columns):
            raise SmaError("--value-columns: name each column once, with commas between them")
        if self.delimiter not in DELIMITERS:
            raise SmaError(f"--delimiter: {self.delimiter!r} is none of , ; tab |")
        if self.decimal not in (".", ","):
            raise SmaError(f"--decimal: {self.decimal!r} is neither . nor ,")
        if len(self.thousands) > 1 or self.thousands in _NOT_SEPARATORS:
            raise SmaError(f"--thousands: {self.thousands!r} is not one character that may separate thousands")
        if self.thousands == self.decimal:
            raise SmaError(f"--thousands and --decimal are both {self.decimal!r}: name the other one too")

    @property
    def is_wide(self) -> bool:
        """Whether each value column is a metric of its own."""
        return self.metric is None and self.metric_column is None
