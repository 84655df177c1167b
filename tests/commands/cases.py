"""Cases of commands that a test script declares: every type of argument and result, and every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.commands.expectations import Fails, Kind
from tests.commands.frontends import Call

SCRIPT = '''
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen
from pydantic import BaseModel

from tigrest import (
    JID, BareJID, CommandContext, Conflict, DomainJID, HTTPException, InvalidValue, NoSuchUser, NotFound, NotPermitted, NotSupported, Secret,
    UserExists, command,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Setting:
    name: str
    value: str


class Contact(BaseModel):
    jid: BareJID
    groups: list[str] = []


def echo(annotation: Any, default: Any = ...) -> Any:
    if default is ...:
        async def run(ctx: CommandContext, value: annotation) -> annotation:
            """Return the argument."""
            return value
    else:
        async def run(ctx: CommandContext, value: annotation = default) -> annotation:
            """Return the argument."""
            return value
    return run


def declared(name: str, annotation: Any, default: Any = ...) -> Any:
    function = command(f"echo_{name}", effect="read")(echo(annotation, default))
    function.__module__ = __name__
    function.__annotations__ = {"value": annotation, "return": annotation}
    return function


echo_text = declared("text", str)
echo_integer = declared("integer", int)
echo_float = declared("float", float)
echo_boolean = declared("boolean", bool)
echo_jid = declared("jid", JID)
echo_bare = declared("bare", BareJID)
echo_domain = declared("domain", DomainJID)
echo_enum = declared("enum", Colour)
echo_literal = declared("literal", Literal["in", "out"])
echo_texts = declared("texts", list[str])
echo_integers = declared("integers", list[int])
echo_percent = declared("percent", Annotated[int, Ge(0), Le(100)])
echo_few = declared("few", Annotated[list[str], MaxLen(2)])
echo_optional = declared("optional", int | None)
echo_default = declared("default", str, "nothing")
echo_dataclass = declared("dataclass", Setting)
echo_dataclasses = declared("dataclasses", list[Setting])
echo_model = declared("model", Contact)


@command(effect="read")
def echo_secret(ctx: CommandContext, value: Secret) -> dict[str, Any]:
    """Tell about a secret."""
    return {"length": len(value), "shown": str(value)}


@command(role=None, effect="read")
async def nothing(ctx: CommandContext) -> None:
    """Return nothing."""


@command(effect="read", result="number")
async def several(ctx: CommandContext, first: str, second: int = 2, *, third: bool = False) -> dict[str, Any]:
    """Take several arguments."""
    return {"first": first, "second": second, "third": third}


@command("dated", effect="read")
async def dated_0(ctx: CommandContext) -> str:
    """Tell the version."""
    return "zero"


@command("dated", version=2, effect="read")
async def dated_2(ctx: CommandContext) -> str:
    """Tell the version."""
    return "two"


ERRORS = {
    "exists": UserExists("it exists"), "conflict": Conflict("it conflicts"), "nobody": NoSuchUser("nobody is there"), "gone": NotFound("gone"),
    "invalid": InvalidValue("invalid"), "refused": NotPermitted("refused"), "unable": NotSupported("the server cannot"),
    "http": HTTPException(409, "by status"), "crash": RuntimeError("secret"),
}


@command()
async def fail(ctx: CommandContext, how: str) -> None:
    """Fail."""
    raise ERRORS[how]


@command()
def fail_in_thread(ctx: CommandContext, how: str) -> None:
    """Fail."""
    raise ERRORS[how]


@command(effect="read")
async def lie(ctx: CommandContext) -> int:
    """Lie."""
    return "no number"  # type: ignore[return-value]


@command()
def leave(ctx: CommandContext) -> None:
    """Exit."""
    raise SystemExit(1)


async def without_rooms(service: Any) -> str:
    return "it has no rooms"


@command(needs=(without_rooms,))
async def impossible(ctx: CommandContext, room: str) -> None:
    """Need what is not there."""


@command(role="user", effect="read")
async def for_users(ctx: CommandContext) -> str:
    """Tell who calls."""
    return str(ctx.principal.jid)
'''


@dataclass(frozen=True)
class Case:
    """A call and what is expected of it.

    Args:
        call: the call.
        expected: its result in JSON, or how it fails.
        but: what is expected by some frontends instead.
    """

    call: Call
    expected: Any
    but: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        version = "" if self.call.version is None else f"/v{self.call.version}"
        return f"{self.call.command}{version} {dict(self.call.arguments)} by {self.call.caller or 'nobody'}"


def same(kind: str, *values: Any) -> list[Case]:
    """Return cases of values that come back as they are."""
    return [Case(Call(f"echo_{kind}", {"value": value}), value) for value in values]


def wrong(kind: str, *values: Any, text: str = "") -> list[Case]:
    """Return cases of values that are none."""
    return [Case(Call(f"echo_{kind}", {"value": value}), Fails("argument", text)) for value in values]


def needs_more(name: str) -> Mapping[str, Any]:
    """Return how the command line says that an argument is missing."""
    return {"ctl": Fails("argument", f"requires 1 more argument: {name}")}


def failures(how: str, kind: Kind, text: str) -> list[Case]:
    """Return cases of a function that raises, on the loop and in a thread."""
    return [Case(Call(command, {"how": how}), Fails(kind, text)) for command in ("fail", "fail_in_thread")]


SETTING, TEA = {"name": "title", "value": "Tea: at 5"}, {"jid": "tea@localhost", "groups": ["a", "b"]}

VALUES = [
    *same("text", "plain", "two\nlines", "ünïcode ☕ <&>\"'", "  spaces  ", "", "12", "true", "[1]"),
    *same("integer", 0, -5, 2**53 - 1),
    *same("float", 2.5, -1e-3),
    *same("boolean", True, False),
    *same("jid", "alice@localhost/phone", "localhost", "alice@localhost"),
    *same("bare", "alice@localhost"),
    *same("domain", "localhost"),
    *same("enum", "red", "blue"),
    *same("literal", "in", "out"),
    *same("texts", ["a", "b"], ["one"]),
    *same("integers", [1, 2, 3]),
    *same("percent", 0, 100),
    *same("few", ["a", "b"]),
    *same("optional", 5),
    *same("dataclass", SETTING),
    *same("dataclasses", [SETTING, {"name": "size", "value": "5"}]),
    *same("model", TEA, {"jid": "tea@localhost", "groups": []}),
    Case(Call("echo_jid", {"value": "Alice@LOCALHOST"}), "alice@localhost"),
    Case(Call("echo_dataclasses", {"value": {"a": "b", "c": "d"}}), [{"name": "a", "value": "b"}, {"name": "c", "value": "d"}]),
    Case(Call("echo_optional", {}), None),
    Case(Call("echo_optional", {"value": None}), None),
    Case(Call("echo_default", {}), "nothing"),
    Case(Call("echo_default", {"value": "something"}), "something"),
    Case(Call("echo_secret", {"value": "xyzzy"}), {"length": 5, "shown": "********"}),
    Case(Call("nothing", {}), None),
    Case(Call("several", {"first": "a"}), {"first": "a", "second": 2, "third": False}),
    Case(Call("several", {"third": True, "first": "a", "second": 3}), {"first": "a", "second": 3, "third": True}),
]

MISTAKES = [
    *wrong("integer", "many", text="is not a whole number"),
    *wrong("integer", 1.5, [], {}),
    *wrong("float", "nan", text="is not a number"),
    *wrong("boolean", "maybe", text="is not true or false"),
    *wrong("jid", "a b@c", "@", text="is not an XMPP address"),
    *wrong("bare", "alice@localhost/phone", text="is not a bare address"),
    *wrong("domain", "alice@localhost", text="is not a domain address"),
    *wrong("enum", "green", text="'green' is not one of red, blue"),
    *wrong("literal", "around", text="is not one of in, out"),
    *wrong("integers", ["one"], text="is not a whole number"),
    *wrong("percent", 101, text="less than or equal to 100"),
    *wrong("few", ["a", "b", "c"], text="at most 2 items"),
    *wrong("dataclass", "{", "title"),
    *wrong("model", {"jid": "a@b/c"}, text="jid: "),
    *wrong("model", {}),
    Case(Call("echo_text", {}), Fails("argument", "'value' is missing"), needs_more("value")),
    Case(Call("several", {"second": 1}), Fails("argument", "'first' is missing"), needs_more("first")),
    Case(
        Call("several", {"first": "a", "secnd": 1}),
        Fails("argument", "no argument 'secnd'; did you mean 'second'?"),
        {"ctl": Fails("argument", "no option --secnd")},
    ),
    Case(
        Call("nothing", {"value": "a"}),
        Fails("argument", "no argument 'value'"),
        {"adhoc": None, "ctl": Fails("argument", "no option --value")},
    ),
]

OUTCOMES = [
    *failures("exists", "conflict", "it exists"),
    *failures("conflict", "conflict", "it conflicts"),
    *failures("nobody", "missing", "nobody is there"),
    *failures("gone", "missing", "gone"),
    *failures("invalid", "argument", "invalid"),
    *failures("refused", "forbidden", "refused"),
    *failures("unable", "impossible", "the server cannot"),
    *failures("http", "conflict", "by status"),
    *failures("crash", "failed", "an error in "),
    Case(Call("lie", {}), Fails("failed", "an error in ")),
    Case(Call("leave", {}), Fails("failed", "an error in ")),
    Case(Call("impossible", {"room": "tea"}), Fails("impossible", "impossible is not possible here, because it has no rooms")),
    Case(Call("nowhere", {}), Fails("missing", "there is no command")),
    *[
        Case(Call("dated", {}, version=version), text)
        for version, text in ((0, "zero"), (1, "zero"), (2, "two"), (99, "two"), (None, "two"))
    ],
]

CALLERS = [
    Case(Call("for_users", {}, "alice"), "alice@localhost"),
    Case(Call("for_users", {}, "admin"), "admin@localhost", {"ctl": "None"}),
    Case(Call("for_users", {}, ""), Fails("login"), {"adhoc": Fails("missing", "there is no command")}),
    Case(Call("nothing", {}, ""), None),
    Case(Call("nothing", {}, "alice"), None),
    Case(Call("several", {"nope": 1}, "alice"), Fails("forbidden", "needs the role admin")),
    Case(Call("several", {"nope": 1}, ""), Fails("login"), {"adhoc": Fails("missing", "there is no command")}),
]

CASES = [*VALUES, *MISTAKES, *OUTCOMES, *CALLERS]
