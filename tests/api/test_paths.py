"""Paths of commands: which name and version they ask for."""

import pytest

from tigrest.api.paths import CommandPath, VersionedRoot, hint, read_path, version_of, versioned_root


@pytest.mark.parametrize(
    ("rest", "name", "version"),
    [
        ("command", "command", None),
        ("command/v0", "command", 0),
        ("command/v1", "command", 1),
        ("command/v99", "command", 99),
        ("v0/command", "command", 0),
        ("v0/command/v1", "command", 1),
        ("v1/command/v0", "command", 0),
        ("v2/v1", "v2", 1),
        ("v2", "v2", None),
    ],
)
def test_the_version_behind_the_name_wins_over_the_one_before(rest: str, name: str, version: int | None) -> None:
    assert read_path(rest) == CommandPath(name, version)


MALFORMED = ("vx", "v", "v2.5", "V1", "v-1", "v+1", "v01", "v1 ", "v1\n", "v¹", "v١", "v" + "9" * 19, "1", "")


@pytest.mark.parametrize("segment", MALFORMED)
def test_what_is_no_version_makes_no_path_of_a_command(segment: str) -> None:
    assert version_of(segment) is None
    assert read_path(f"command/{segment}") is None
    assert read_path(f"{segment}/command") is None
    assert read_path(f"v1/command/{segment}") is None
    assert read_path(f"{segment}/command/v1") is None


@pytest.mark.parametrize("rest", ["", "/", "command/", "/command", "a/b", "a/b/c", "v1/", "v1/a/v2/v3", "v1/a/b", "a//v1"])
def test_other_paths_are_none_of_a_command(rest: str) -> None:
    assert read_path(rest) is None


def test_long_paths_are_read_as_short_ones_are() -> None:
    name = "x" * 5000
    assert read_path(f"v3/{name}") == CommandPath(name, 3)


def test_a_version_may_stand_before_api() -> None:
    assert versioned_root("/v1/api/command") == VersionedRoot(1, "command")
    assert versioned_root("/v1/api/command/v0") == VersionedRoot(1, "command/v0")
    assert versioned_root("/v1/api") == versioned_root("/v1/api/") == VersionedRoot(1, "")


@pytest.mark.parametrize(
    "path", ["/api/command", "/vx/api/command", "/v01/api/command", "/v1/apis", "/v1/api2/command", "/v1/v1/api/x", "v1/api/x"]
)
def test_nothing_else_may(path: str) -> None:
    assert versioned_root(path) is None


def test_who_almost_wrote_a_version_is_told_what_one_is() -> None:
    assert "'vx' is none" in hint("status/vx")
    assert "'V1' is none" in hint("V1/status")
    assert hint("get_vcard") == hint("vcards/alice") == hint("a/b") == ""
