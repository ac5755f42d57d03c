"""Converts a libpq URL to the JDBC URL, user and password that a JVM needs to reach the same database."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sma.errors import SmaError


@dataclass(frozen=True, slots=True)
class JdbcAddress:
    """A JDBC URL and its credentials; the JDBC sink takes a user with a password or neither."""

    url: str
    user: str | None
    password: str | None = field(repr=False)

    @classmethod
    def from_url(cls, libpq_url: str) -> "JdbcAddress":
        """Return the address of `postgresql://user:password@host:port/database?option=value`.

        Raises:
            SmaError: it is not such a URL; the message does not hold it.
        """
        try:
            parts = urlsplit(libpq_url)
            host, port = parts.hostname, parts.port or 5432
        except ValueError:
            host, port = None, 0
        if not host or parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
            raise SmaError("SMA_STREAMING_DATABASE_URL: must be postgresql://user:password@host:port/database")
        options = [("reWriteBatchedInserts", "true"), ("ApplicationName", "sma streaming"), *parse_qsl(parts.query)]
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if user is not None and password is None:
            options.append(("user", user))
        host = f"[{host}]" if ":" in host else host
        database = quote(unquote(parts.path[1:]), safe="")
        return cls(f"jdbc:postgresql://{host}:{port}/{database}?{urlencode(options, quote_via=quote)}", user, password)
