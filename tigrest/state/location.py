"""Parse the location of a database: in memory, in a file of SQLite, or on a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tigrest.errors import ConfigError

MEMORY = ":memory:"
"""Location of a database that lives and dies with the process."""

_ASYNC_DRIVERS = {"postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
"""Driver for URLs that name none."""

PARAMETERS = frozenset(
    {"command_timeout", "database", "direct_tls", "gsslib", "host", "krbsrvname", "passfile", "password", "port"}
    | {"prepared_statement_cache_size", "service", "servicefile", "ssl", "target_session_attrs", "user"}
)
"""Parameters of a URL that asyncpg takes as text. https://magicstack.github.io/asyncpg/current/api/index.html#connection"""


@dataclass(frozen=True)
class Location:
    """A location as configured. Two that mean the same file or URL are equal.

    Args:
        url: of SQLAlchemy.
        file: absolute path of the file of SQLite; ``None`` in memory and on a server.
        shown: the location for people, without a password.
    """

    url: URL
    file: Path | None = None
    shown: str = field(default="", compare=False)

    @classmethod
    def of(cls, text: str | Path) -> Location:
        """Read a location.

        Args:
            text: a file path, :data:`MEMORY`, or a SQLAlchemy URL such as ``postgresql+asyncpg://user:password@host/name``.

        Raises:
            ConfigError: it looks like a URL but is none, in which case the message does not show it: a password may stand in it. Or it
                is of PostgreSQL and has a port or a parameter that does not exist.
        """
        text = str(text)
        if "://" not in text:
            return cls._sqlite(URL.create("sqlite+aiosqlite", database=text))
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise ConfigError("a database has a URL that cannot be read; write postgresql+asyncpg://user:password@host:5432/name") from None
        url = url.set(drivername=_ASYNC_DRIVERS.get(url.drivername, url.drivername))
        if url.get_backend_name() == "sqlite":
            return cls._sqlite(url)
        shown = url.difference_update_query(["password"]).render_as_string(hide_password=True)
        if url.drivername == _ASYNC_DRIVERS["postgresql"]:
            _check(url, shown)
        return cls(url, None, shown)

    @classmethod
    def _sqlite(cls, url: URL) -> Location:
        if url.database in (None, "", MEMORY):
            return cls(url.set(database=None), None, MEMORY)
        file = Path(str(url.database)).resolve()
        return cls(url.set(database=str(file)), file, str(url.database))

    @property
    def is_in_memory(self) -> bool:
        """Return whether the database lives and dies with the process."""
        return self.file is None and self.url.get_backend_name() == "sqlite"

    @property
    def is_postgres(self) -> bool:
        """Return whether the database is on a PostgreSQL server."""
        return self.url.get_backend_name() == "postgresql"

    def __str__(self) -> str:
        return self.shown


def _check(url: URL, shown: str) -> None:
    """Refuse what asyncpg does not know: it raises a ``TypeError``, or goes to another port."""
    for port in (*(() if url.port is None else (str(url.port),)), *url.normalized_query.get("port", ())):
        if not (port.isdecimal() and 0 < int(port) < 65536):  # uvloop takes the port modulo 65536
            raise ConfigError(f"database {shown} has the port {port}; ports are 1 to 65535")
    for name, value in url.query.items():
        if name == "sslmode":
            cure = f"asyncpg takes ssl={value if isinstance(value, str) else 'require'}"
        elif name not in PARAMETERS:
            cure = f"asyncpg takes {', '.join(sorted(PARAMETERS))}"
        elif not isinstance(value, str) and name not in ("host", "port"):
            cure = "write it once"
        else:
            continue
        raise ConfigError(f"database {shown} cannot have the parameter {name}: {cure}")
