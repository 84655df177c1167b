"""Schemas: tables that belong together, and the versions they have had.

The tables of a schema stand in one module, so that a new database has all of them whoever makes it. Each version is one file of
Alembic in :mod:`tigrest.state.migrations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Schema:
    """Tables that belong together.

    Args:
        name: of the folder of its versions.
        metadata: the tables as the program uses them, which is how the newest version has them.
        migrations: the folder of that folder.
    """

    name: str
    metadata: MetaData
    migrations: Path = MIGRATIONS

    @property
    def folder(self) -> Path:
        """Return the folder of the versions: ``v0001_….py``, ``v0002_….py``, …."""
        return self.migrations / self.name

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """List the versions that the program knows, the oldest first."""
        return tuple(sorted(path.stem[1:5] for path in self.folder.glob("v[0-9][0-9][0-9][0-9]_*.py")))

    @cached_property
    def version_table(self) -> Table:
        """Return the table of one row that says which version a database has, as Alembic makes it."""
        name = f"tigrest_{self.name}_version"
        return Table(
            name,
            MetaData(),
            Column("version_num", String(32), nullable=False),
            PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
        )
