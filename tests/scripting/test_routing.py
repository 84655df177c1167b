"""How a path finds its handler."""

import re
from pathlib import Path

import pytest

from tigrest.scripting.handler import with_implied
from tigrest.scripting.loader import Loader
from tigrest.scripting.patterns import first_segment, may_match_path, readable, with_slash
from tigrest.scripting.routing import Router
from tigrest.scripting.table import Table


def table_of(tmp_path: Path, *routes: tuple[str, str, str]) -> Table:
    for number, (folder, regex, methods) in enumerate(routes):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        bodies = "".join(f"    def exec_{method}(self, *groups): return groups\n" for method in methods.split())
        (tmp_path / folder / f"s{number}.py").write_text(
            f'from tigrest import Handler\nclass H(Handler):\n    regex = r"{regex}"\n{bodies}'
        )
    table = Loader([tmp_path]).load()
    assert table.problems == ()
    return table


def found(table: Table, path: str, method: str = "GET") -> str | None:
    match = table.match(method, path)
    return match.route.folder + match.route.pattern.pattern if match and match.route else None


def test_the_most_specific_folder_wins_then_the_longest_pattern(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, ("a", "/b/(.*)", "get"), ("a/b", "/(.*)", "get"), ("a/b", "/c", "get"), ("", "/(.*)", "get"), ("a/b", "/(..?)", "get")
    )
    assert found(table, "/rest/a/b/c") == "/rest/a/b/(..?)"
    assert found(table, "/rest/a/b/ccc") == "/rest/a/b/(.*)"
    assert found(table, "/rest/a/x") == "/rest/(.*)"
    assert found(table, "/rest/a/b") == "/rest/(.*)"


def test_a_method_is_found_behind_a_pattern_without_it(tmp_path: Path) -> None:
    table = table_of(tmp_path, ("u", "/([^/]+)", "get"), ("u", "/([^/]{1,50})", "put post"), ("", "/u/x", "delete"))
    assert found(table, "/rest/u/x", "PUT") == "/rest/u/([^/]{1,50})"
    assert found(table, "/rest/u/x", "HEAD") == "/rest/u/([^/]+)"
    assert found(table, "/rest/u/x", "DELETE") == "/rest/u/x"
    missing = table.match("PATCH", "/rest/u/x")
    assert missing is not None
    assert missing.route is None
    assert missing.methods == {"GET", "POST", "PUT", "DELETE"}
    assert table.match("GET", "/rest/v/x") is None


def test_patterns_match_in_full_and_behind_a_whole_folder_name(tmp_path: Path) -> None:
    table = table_of(tmp_path, ("user", "s?/x", "get"), ("user", "/y", "get"))
    assert found(table, "/rest/user/x") == "/rest/users?/x"
    assert found(table, "/rest/users/x") is None
    assert found(table, "/rest/user/y/") is None
    assert found(table, "/rest/user/y\n") is None


def test_hostile_paths_are_cheap(tmp_path: Path) -> None:
    table = table_of(tmp_path, ("a/b/c/d", "/x", "get"))
    assert table.match("GET", "/rest" + "/a" * 100_000) is None
    assert table.match("GET", "/" * 100_000) is None
    assert table.match("GET", "") is None
    assert table.match("GET", "*") is None


def test_groups_arrive_in_order_and_may_be_none(tmp_path: Path) -> None:
    table = table_of(tmp_path, ("avatar", "/(?:([^@/]+)@){0,1}([^@/]+)/?(avatar|vcard4|vcard-temp)?", "get"))
    cases = {
        "/u@d": ("u", "d", None),
        "/d": (None, "d", None),
        "/u@d/": ("u", "d", None),
        "/u@d/vcard4": ("u", "d", "vcard4"),
        "/u@davatar": ("u", "davatar", None),
    }
    for path, groups in cases.items():
        match = table.match("GET", "/rest/avatar" + path)
        assert match is not None
        assert match.groups == groups
    for path in ("/u@d/bogus", "/u@d/vcard-temp/", "/"):
        assert table.match("GET", "/rest/avatar" + path) is None


@pytest.mark.parametrize(
    ("pattern", "segment"),
    [
        ("/hello", "hello"),
        ("/hello/([^/]+)", "hello"),
        (r"\/hello\/(.*)", "hello"),
        (r"/a\.b", "a.b"),
        ("/hello(/x)?", None),
        ("/hello?", None),
        ("/hello/?", None),
        ("/hello/?(x)", None),
        ("/a|/b", None),
        ("/a/(x|y)", "a"),
        ("/a/[|]", "a"),
        ("(?i)/a/b", None),
        ("", None),
        ("/", ""),
        ("(?:/(.*))?", None),
        ("/[a]/b", None),
        ("/a*/b", None),
        ("x/a", None),
    ],
)
def test_the_first_segment_is_known_only_where_it_is_fixed(pattern: str, segment: str | None) -> None:
    assert first_segment(re.compile(pattern)) == segment


@pytest.mark.parametrize(
    ("pattern", "names", "shown"),
    [
        ("/hello/([^/]+)", {0: "name"}, "/hello/{name}"),
        ("/([^/]+)/status(?:/([^/]+))?", {0: "jid", 1: "resource"}, "/{jid}/status[/{resource}]"),
        ("(?:/(.*))?", {0: "to"}, "[/{to}]"),
        ("/(?P<a>x(y))/(z)", {}, "/{group1}/{group3}"),
        (r"\/a\.b", {}, "/a.b"),
    ],
)
def test_a_pattern_is_shown_as_a_uri(pattern: str, names: dict[int, str], shown: str) -> None:
    assert readable(re.compile(pattern), names) == shown


def test_a_thousand_scripts_route_like_ten(tmp_path: Path) -> None:
    table = table_of(tmp_path, *[("many", f"/s{n}/([^/]+)", "get") for n in range(1000)], ("many", "/([^/]+)/x", "get"))
    folder = Router(table.routes)._folders["/rest/many"]
    assert found(table, "/rest/many/s500/a") == "/rest/many/s500/([^/]+)"
    assert len(list(folder.candidates("/s500/a"))) == 2
    assert len(list(folder.candidates("/other/x"))) == 1


@pytest.mark.parametrize(
    ("methods", "shown"),
    [("PUT GET", "GET PUT HEAD OPTIONS"), ("POST", "POST OPTIONS"), ("GET HEAD OPTIONS", "GET HEAD OPTIONS"), ("", "")],
)
def test_methods_imply_others(methods: str, shown: str) -> None:
    assert with_implied(methods.split()) == tuple(shown.split())


@pytest.mark.parametrize(
    ("regex", "may"),
    [
        *[
            (regex, False)
            for regex in ("a", "hello/(.+)", "([^/]+)", r"\d+", "^hello", "(?i)hello", "(?P<x>a)/b", "(a|b)", r"\.", "(?:a|(?:b|c))")
        ],
        *[
            (regex, True)
            for regex in ("", "/a", "/?", r"\/a", "(?:/((?s:.*)))?", "[/]a", "[^a]+", "[]/]", "(/a|b)", "a|/b", ".*", "(?i)/a")
        ],
        *[(regex, True) for regex in (r"\d*", "a?/b", "(a)?/b", "a{0,2}/b", "(a/)*", "(?=/).a", "(?P<x>/a)", "()", "$", r"\x2fa", "|a")],
        ("(?x) / a", True),
    ],
)
def test_a_pattern_that_can_match_no_path_is_known(regex: str, may: bool) -> None:
    pattern = re.compile(regex)
    assert may_match_path(pattern) is may
    if not may:
        assert may_match_path(re.compile(with_slash(regex)))
        assert not any(pattern.fullmatch(path) for path in ("", "/", "/a", "/hello", "/hello/x", "/1"))


@pytest.mark.parametrize(("regex", "better"), [("a", "/a"), ("^a", "/a"), ("(?i)a", "(?i)/a"), ("(?i)^a", "(?i)/a"), ("(a|b)", "/(a|b)")])
def test_the_slash_goes_in_front(regex: str, better: str) -> None:
    assert with_slash(regex) == better
