"""What the built-in commands do, as stories: the same on every server and by every frontend, as far as the server can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tests.commands.expectations import Fails, Number, Saying, With, including, lacking
from tests.commands.frontends import Call, Frontend

HOST = "localhost"

Online = Callable[[str], AbstractContextManager[object]]
"""Has bob online with a resource for the time being."""


@dataclass(frozen=True)
class Step:
    """A call of a command in a story.

    Args:
        call: the call.
        expected: its result in JSON, or how it fails.
    """

    call: Call
    expected: Any


@dataclass(frozen=True)
class Story:
    """Steps that build on each other.

    Args:
        steps: in their order.
        is_bob_online: whether bob is online meanwhile.
    """

    steps: tuple[Step, ...]
    is_bob_online: bool = False


def step(command: str, arguments: Mapping[str, Any], expected: Any, *, caller: str = "admin", version: int | None = None) -> Step:
    return Step(Call(command, arguments, caller, version), expected)


def accounts(u: str) -> Story:
    """Return the life of an account."""
    account, nobody = {"user": u, "host": HOST}, {"user": f"{u}-nobody", "host": HOST}
    return Story(
        (
            step("check_account", account, False),
            step("register", account | {"password": "one"}, f"User {u}@localhost successfully registered"),
            step("register", account | {"password": "one"}, Fails("conflict")),
            step("register", account | {"host": "elsewhere.example", "password": "one"}, Fails("argument", "is not served here")),
            step("register", {"user": "a b", "host": HOST, "password": "one"}, Fails("argument")),
            step("register", account, Fails("argument", "password")),
            step("check_account", account, True),
            step("check_account", nobody, False),
            step("check_password", account | {"password": "one"}, True),
            step("registered_users", {"host": HOST}, including(u, "alice")),
            step("registered_users", {"host": "elsewhere.example"}, Fails("argument")),
            step("change_password", account | {"newpass": "two"}, None),
            step("check_password", account | {"password": "two"}, True),
            step("check_password", account | {"password": "one"}, False),
            step("change_password", nobody | {"newpass": "two"}, Fails("missing")),
            step("ban_account", account | {"reason": "Spam"}, None),
            step("unban_account", account, None),
            step("check_password", account | {"password": "two"}, True),
            step("ban_account", account | {"reason": "Spam"}, None, version=0),
            step("check_password", account | {"password": "two"}, False),
            step("unregister", account, f"User {u}@localhost successfully unregistered"),
            step("unregister", account, Fails("missing")),
            step("check_account", account, False),
            step("registered_users", {"host": HOST}, lacking(u)),
        )
    )


def sessions(u: str) -> Story:
    """Return what is told of bob, who is online, until he is kicked."""
    bob, nobody = {"user": "bob", "host": HOST}, {"user": f"{u}-nobody", "host": HOST}
    return Story(
        (
            step("connected_users", {}, including(Saying("^bob@localhost"))),
            step("connected_users_number", {}, Number()),
            step("user_sessions_info", bob, including(With({"resource": u}))),
            step("user_sessions_info", nobody, Fails("missing")),
            step("get_last", bob, With({"status": "ONLINE", "timestamp": Saying("^20")})),
            step("get_last", nobody, Fails("missing")),
            step("kick_session", bob | {"resource": f"{u}-none", "reason": "Stuck"}, Fails("missing")),
            step("kick_session", bob | {"resource": u, "reason": "Stuck"}, None),
            step("kick_user", bob, Saying(r"^Kicked sessions: \d+$")),
            step("kick_user", bob, Number(), version=0),
            step("kick_user", nobody, Fails("missing")),
        ),
        is_bob_online=True,
    )


def announcements(u: str) -> Story:
    """Return what is told to users."""
    return Story(
        (
            step("announce", {"subject": "Tea", "text": "Tea is ready.", "host": HOST}, Saying(".")),
            step("announce", {"subject": "Tea", "text": " ", "host": HOST}, Fails("argument", "text is empty")),
            step("invite", {"user": f"{u}-guest", "host": HOST}, With({"uri": Saying("^xmpp:")})),
            step("invite", {"user": "a@b", "host": HOST}, Fails("argument")),
        ),
        is_bob_online=True,
    )


def server(_u: str) -> Story:
    """Return what is told of the server and of the gateway."""
    return Story(
        (
            step("status", {}, Saying("serves localhost")),
            step("status", {}, Saying("serves localhost"), caller="alice"),
            step("version", {}, With({"gateway": Saying(r"^\d")})),
            step("version", {}, Fails("forbidden"), caller="alice"),
            step("stats", {"name": "registeredusers"}, Number()),
            step("stats", {"name": "onlineusers"}, Number()),
            step("stats", {"name": "uptimeseconds"}, Number()),
            step("stats", {"name": "processes"}, Fails("impossible")),
            step("stats", {"name": "bogus"}, Fails("argument", "is not one of")),
            step("set_loglevel", {"loglevel": "4"}, None),
            step("get_loglevel", {}, "info"),
            step("get_loglevel", {}, {"levelatom": "info"}, version=0),
            step("set_loglevel", {"loglevel": "loud"}, Fails("argument")),
        )
    )


def meta(_u: str) -> Story:
    """Return what is told of commands."""
    listed = including(With({"name": "list_methods", "category": "commands"}), With({"name": "register"}))
    return Story(
        (
            step("list_methods", {}, listed),
            step("commands", {}, listed),
            step("list_methods", {}, lacking(With({"name": "register"})), caller="alice"),
            step("help", {}, Saying("(?m)^register: ")),
            step("help", {"command": "register"}, Saying("(?s)password: secret.*Role: admin")),
            step("help", {"command": "regster"}, Fails("missing", "did you mean 'register'?")),
            step("help", {"command": "register"}, Fails("forbidden"), caller="alice"),
            step("reload_handlers", {}, Saying("commands are served")),
        )
    )


STORIES: tuple[Callable[[str], Story], ...] = (accounts, sessions, announcements, server, meta)
"""Makes of a text that is nobody's name the stories with it."""


@dataclass
class Findings:
    """What stories have shown of commands.

    Args:
        done, impossible: by command the versions in which it did what is expected, and in which the server could not.
        wrong: what was not as expected, for people.
    """

    done: dict[str, set[int | None]] = field(default_factory=dict)
    impossible: dict[str, set[int | None]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def cell(self, command: str) -> str:
        """Return whether a command works: ``yes``, ``no``, or in part; empty when no story has it."""
        done, impossible = self.done.get(command, set()), self.impossible.get(command, set())
        if not impossible:
            return "yes" if done else ""
        if not done:
            return "no"
        older = sorted(version for version in done if version is not None)
        return f"version {older[0]}" if None in impossible - done and older else "in part"

    def cells(self, commands: Iterable[str]) -> list[str]:
        """Return the cells of commands."""
        return [self.cell(command) for command in commands]


def play(frontend: Frontend, prefix: str, online: Online, reads: Collection[str]) -> Findings:
    """Run all stories by a frontend.

    What the server cannot do is no fault. When it cannot make a change, what comes behind it in its story may come out otherwise too.

    Args:
        frontend: the way to call commands.
        prefix: a text that is nobody's name.
        online: has bob online.
        reads: names of commands that change nothing.
    """
    findings = Findings()
    for make in STORIES:
        story = make(prefix)
        with online(prefix) if story.is_bob_online else nullcontext():
            _play(frontend, story, findings, reads)
    return findings


def _play(frontend: Frontend, story: Story, findings: Findings, reads: Collection[str]) -> None:
    is_changed = True
    for each in story.steps:
        call, is_failure = each.call, isinstance(each.expected, Fails)
        if not frontend.has(call):
            continue
        answer = frontend.call(call)
        if answer.agrees(each.expected):
            if not is_failure:
                findings.done.setdefault(call.command, set()).add(call.version)
        elif answer.failure is not None and answer.failure.kind == "impossible":
            is_changed = is_changed and call.command in reads
            if not is_failure:
                findings.impossible.setdefault(call.command, set()).add(call.version)
        elif is_changed:
            findings.wrong.append(f"{frontend.name}: {call} gave {answer.shown}, not {each.expected}")
