"""Where a database is: in memory, in a file of SQLite, or on a server."""

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
            ConfigError: it looks like a URL but is none. The message does not show it: a password may stand in it.
        """
        text = str(text)
        if "://" not in text:
            return cls._sqlite(URL.create("sqlite+aiosqlite", database=text))
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise ConfigError("a database has a URL that cannot be read; write postgresql+asyncpg://user:password@host:5432/name") from None
        url = url.set(drivername=_ASYNC_DRIVERS.get(url.drivername, url.drivername))
        return cls._sqlite(url) if url.get_backend_name() == "sqlite" else cls(url, None, url.render_as_string(hide_password=True))

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
