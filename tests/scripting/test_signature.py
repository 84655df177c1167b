"""Injection by signature."""

import enum
import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from tigrest.auth.principal import Principal
from tigrest.errors import InvalidValue
from tigrest.scripting.handler import Role
from tigrest.scripting.signature import SCHEDULE, Call, ScheduleCall, SignatureError, compile_method, compile_signature
from tigrest.service import Service
from tigrest.xmpp.jid import JID

NO_SERVICE = cast("Service", "service")


def run(function: Callable[..., Any], regex: str, path: str, role: Role = "user") -> Any:
    pattern = re.compile(regex)
    match = pattern.fullmatch(path)
    assert match is not None
    call = Call(NO_SERVICE, match.groups(), lambda result: None, Principal(JID("me@x")), "request", "content")
    return compile_signature(function, pattern, role)(call)


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


def test_arguments_come_by_name_in_any_order() -> None:
    assert run(lambda content, user, b, service, a, request: (content, user, b, service, a, request), "/(.)/(.)", "/1/2") == (
        ("content", "me@x", "1", "service", "2", "request")
    )


def test_named_groups_go_to_their_names_and_the_rest_in_order() -> None:
    assert run(lambda second, first, third: (second, first, third), "/(?P<first>.)/(.)/(.)", "/1/2/3") == ("2", "1", "3")


def test_star_takes_what_is_left() -> None:
    def method(a: str, *groups: str) -> Any:
        return a, groups

    assert run(method, "/(.)/(.)/(.)?/?", "/1/2/") == ("1", ("2", None))


def test_keyword_only_arguments_are_filled() -> None:
    def method(*, a: int, user: JID) -> Any:
        return a, user

    assert run(method, "/(.)", "/5") == (5, "me@x")


def test_an_unmatched_group_is_none_or_the_default() -> None:
    def method(a: int | None, b: str = "x", c: "JID | None" = None) -> Any:
        return a, b, c

    assert run(method, "/(1)?(2)?(3)?", "/") == (None, "x", None)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "x", "x"),
        (int, "-5", -5),
        (float, "2.5e1", 25.0),
        (bool, "True", True),
        (bool, "off", False),
        (JID, "A@b/c", "a@b/c"),
        (Colour, "red", Colour.RED),
        (Colour, "BLUE", Colour.BLUE),
        (Colour, "2", Colour.BLUE),
    ],
)
def test_annotations_convert(kind: type, text: str, value: object) -> None:
    def method(a: Any) -> Any:
        return a

    method.__annotations__["a"] = kind
    assert run(method, "/(.*)", "/" + text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "1_0"),
        (int, "٣"),
        (int, "9" * 5000),
        (float, "nan"),
        (float, "inf"),
        (bool, "maybe"),
        (JID, "a b@c"),
        (Colour, "green"),
        (int, "1\n"),
    ],
)
def test_what_does_not_convert_is_an_invalid_value_naming_the_argument(kind: type, text: str) -> None:
    def method(a: Any) -> Any:
        return a

    method.__annotations__["a"] = kind
    with pytest.raises(InvalidValue, match=r"^a: ") as refused:
        run(method, r"/([\s\S]*)", "/" + text)
    assert len(str(refused.value)) < 250


def test_a_user_needs_a_role() -> None:
    with pytest.raises(SignatureError, match="requiredRole"):
        run(lambda user: user, "/", "/", role=None)


def test_a_list_is_no_group() -> None:
    def method(a: list[int]) -> Any:
        return a

    with pytest.raises(SignatureError, match="asks for a list"):
        run(method, "/(.)", "/1")


def test_a_method_without_a_pattern_gets_what_is_injected_and_nothing_else() -> None:
    invocation = compile_method(lambda service: service, SCHEDULE)
    assert invocation(ScheduleCall(NO_SERVICE)) == "service"
    assert invocation.names == {"service"}
    with pytest.raises(SignatureError, match=r"^argument 'servce' has no source: it is none of service; did you mean 'service'\?$"):
        compile_method(lambda servce: servce, SCHEDULE)
