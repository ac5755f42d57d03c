"""A digest of rows of averages, in whatever order: of the rows that a run should have written, and of its table.

Rows that ought to be there come from plain Python, those of a table from PostgreSQL; two digests are equal iff the rows
are, but for what 56 bits of MD5 can miss.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from sma.errors import SmaError
from sma.settings import Settings

_STATEMENT = Path(__file__).resolve().parent / "statements" / "digest.sql"
_BYTES = 7  # of the MD5 of a row, so that PostgreSQL can take them for a bigint

Row = tuple[str, str, str, int, int, int]  # customer, metric, average, as_of in ms, sum in micro-units, event count


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows there are, how many events are in them, and the sum of the rows' checksums."""

    rows: int
    events: int
    checksum: int


def digest_of(rows: Iterable[Row]) -> Digest:
    """Return the digest of rows."""
    count = events = checksum = 0
    for row in rows:
        count += 1
        events += row[-1]
        text = "/".join(map(str, row)).encode()
        checksum += int.from_bytes(md5(text, usedforsecurity=False).digest()[:_BYTES])
    return Digest(count, events, checksum)


def digest_of_table(settings: Settings, table: str) -> Digest:
    """Return the digest of a table of averages."""
    statement = SQL(_STATEMENT.read_text(encoding="utf-8")).format(table=Identifier(*table.split(".")))
    with psycopg.connect(settings.owner_database_url.get_secret_value()) as connection:
        row = connection.execute(statement).fetchone()
    return Digest(*map(int, row or ()))


def require_rows(settings: Settings, table: str, wanted: Digest) -> None:
    """Refuse the figure of a run that did not write what it should.

    Raises:
        SmaError: names what the run has written, and what it should have.
    """
    found = digest_of_table(settings, table)
    if found != wanted:
        raise SmaError(f"{table} holds {found}, but should hold {wanted}: the figure means nothing")
