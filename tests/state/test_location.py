"""Where a database is."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

from tigrest.errors import ConfigError
from tigrest.state.database import Database
from tigrest.state.location import MEMORY, PARAMETERS, Location


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (MEMORY, MEMORY),
        ("sqlite://", MEMORY),
        ("srv/x.sqlite3", "srv/x.sqlite3"),
        ("sqlite:////srv/x.sqlite3", "/srv/x.sqlite3"),
        ("postgresql://me:hush@host/name", "postgresql+asyncpg://me:***@host/name"),
        ("postgres://me:hush@host/name", "postgresql+asyncpg://me:***@host/name"),
        ("postgresql://me@host/name?password=hush&ssl=require", "postgresql+asyncpg://me@host/name?ssl=require"),
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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:hush@host/name?sslmode=require", "cannot have the parameter sslmode: asyncpg takes ssl=require"),
        ("postgresql://me:hush@host/name?bogus=1", "cannot have the parameter bogus: asyncpg takes command_timeout, "),
        ("postgresql://me:hush@host/name?user=a&user=b", "cannot have the parameter user: write it once"),
        ("postgresql://me:hush@host/name?port=x", "has the port x; ports are 1 to 65535"),
        ("postgresql://me:hush@host:99999/name", "has the port 99999; ports are 1 to 65535"),
    ],
)
def test_what_asyncpg_does_not_know_is_named_with_its_cure(url: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Location.of(url)
    assert message in str(raised.value)
    assert "hush" not in str(raised.value)


def test_the_parameters_are_those_of_asyncpg_and_its_dialect() -> None:
    asyncpg = pytest.importorskip("asyncpg")
    assert set(signature(asyncpg.connect).parameters) | {"prepared_statement_cache_size"} >= PARAMETERS
