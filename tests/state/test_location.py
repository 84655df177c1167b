"""Where a database is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tigrest.errors import ConfigError
from tigrest.state.database import Database
from tigrest.state.location import MEMORY, Location


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (MEMORY, MEMORY),
        ("sqlite://", MEMORY),
        ("srv/x.sqlite3", "srv/x.sqlite3"),
        ("sqlite:////srv/x.sqlite3", "/srv/x.sqlite3"),
        ("postgresql://me:hush@host/name", "postgresql+asyncpg://me:***@host/name"),
        ("postgres://me:hush@host/name", "postgresql+asyncpg://me:***@host/name"),
        ("postgresql+asyncpg://me:hush@host:5432/name", "postgresql+asyncpg://me:***@host:5432/name"),
    ],
)
def test_it_is_shown_without_password_and_with_its_driver(given: str, shown: str) -> None:
    assert str(Location.of(given)) == shown


def test_two_spellings_of_one_file_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spellings = ["x.sqlite3", "./x.sqlite3", str(tmp_path / "x.sqlite3"), "sqlite+aiosqlite:///x.sqlite3"]
    assert len({Location.of(each) for each in spellings}) == 1


@pytest.mark.parametrize("url", ["postgresql://me:hush@host:port/name", "://hush"])
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        Location.of(url)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["nosuch://me:hush@host/name", "postgresql+nosuch://me:hush@host/name", "mssql://me:hush@host/name", "mysql://me:hush@host/name"]
)
async def test_a_kind_that_cannot_be_used_is_one_line(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        await Database(url).start()
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "use a file or postgresql+asyncpg://" in str(raised.value)
