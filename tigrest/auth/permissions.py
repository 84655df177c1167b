"""Permissions: groups of callers and of what they may call, as ``[api.permissions.<group>]`` has them.

Any group that matches allows; nothing denies. A command or a handler that some group names is for those whom groups allow it; of all
others the declared role decides. Admins may call everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tigrest.auth.permission_entries import (
    HANDLER,
    SCOPE,
    Administrators,
    Attempt,
    Called,
    InvalidPermission,
    What,
    names_scope,
    read_what,
    read_who,
)
from tigrest.auth.principal import Principal
from tigrest.spelling import nearest

WAYS = ("http", "ctl", "adhoc", "console")
"""Ways of calling that ``from`` may name, besides paths."""


@dataclass(frozen=True)
class Verdict:
    """Answer of a group about an attempt.

    Args:
        group: its name.
        allows: whether it allows it.
        reason: why, or why not, in a phrase for people.
    """

    group: str
    allows: bool
    reason: str


ADMINS = Verdict("admins", True, "the caller is an admin")
OPEN = Verdict("role", True, "it is open to everybody")


class PermissionGroup:
    """A group of callers, and of what they may call.

    Args:
        name: of it.
        ways: ``from``: names of :data:`WAYS`, and paths; empty for any.
        who: entries of which one has to match; see :func:`tigrest.auth.permission_entries.read_who`.
        what: entries that name commands, and with ``!`` those left out; see :func:`tigrest.auth.permission_entries.read_what`.

    Raises:
        InvalidPermission: an entry cannot be understood.
    """

    def __init__(self, name: str, *, ways: Sequence[str] = (), who: Sequence[str | Sequence[str]] = (), what: Sequence[str] = ()) -> None:
        self.name = name
        self._ways = tuple(ways)
        for way in ways:
            if way not in WAYS and not way.startswith("/"):
                raise InvalidPermission("from", f'has "{way}" in it, which is no way to call; there are {", ".join(WAYS)}, and paths')
        self._who = tuple(read_who(entry) for entry in who)
        self._scoped = tuple(entry for entry in self._who if names_scope(entry))
        entries = [each for entry in who for each in ([entry] if isinstance(entry, str) else entry)]
        self.scopes = frozenset(entry.removeprefix(SCOPE) for entry in entries if entry.startswith(SCOPE))
        """Scopes of tokens that it names."""
        self._what = tuple(read_what(entry) for entry in what)

    @property
    def exact_names(self) -> list[str]:
        """Return the names of commands that it has without wildcards."""
        return [name for entry in self._what if (name := entry.exact_name)]

    @property
    def uris(self) -> list[What]:
        """Return its entries about handlers."""
        return [entry for entry in self._what if entry.kind == "uri"]

    def names(self, called: Called) -> bool:
        """Return whether it names a command or a handler: by one entry, and by none with ``!``.

        Where all are with ``!``, it names all others of the kinds that these are about: commands or handlers.
        """
        if any(entry.excludes and entry.names(called) for entry in self._what):
            return False
        included = [entry for entry in self._what if not entry.excludes]
        if included:
            return any(entry.names(called) for entry in included)
        return any(entry.is_about(called) for entry in self._what)

    def judge(self, attempt: Attempt, administrators: Administrators) -> Verdict:
        """Return what the group says about an attempt."""
        if not self.names(attempt.called):
            return Verdict(self.name, False, f"it does not name {attempt.called.name}")
        if not self._is_for_way(attempt):
            return Verdict(self.name, False, f"it is for calls from {' or '.join(self._ways)}; this one is from {attempt.way}")
        troubles = [each.trouble(attempt, administrators) for each in self._who]
        if "" in troubles:
            return Verdict(self.name, True, f"it names the caller and the {_kind(attempt.called)}")
        return Verdict(self.name, False, f"the caller is {', '.join(troubles)}" if troubles else "nobody is in it: it has no who")

    def allows_by_scope(self, attempt: Attempt, administrators: Administrators) -> bool:
        """Return whether the group allows an attempt by a scope of the caller's token; it names what he calls."""
        return self._is_for_way(attempt) and any(not each.trouble(attempt, administrators) for each in self._scoped)

    def _is_for_way(self, attempt: Attempt) -> bool:
        return not self._ways or any(_is_way(way, attempt) for way in self._ways)


LOOPBACK = PermissionGroup("loopback", who=("127.0.0.0/8", "::1"), what=("status", "version"))
"""A group that is always there: the machine itself may ask how the gateway is."""


class Permissions:
    """All groups.

    Args:
        groups: in the order of the configuration.
        administrators: who administers what.
    """

    def __init__(self, groups: Iterable[PermissionGroup] = (), administrators: Administrators | None = None) -> None:
        self._own = tuple(groups)
        self._groups = (*self._own, LOOPBACK)
        self._administrators = administrators or Administrators()
        self._naming: WeakKeyDictionary[Called, tuple[PermissionGroup, ...]] = WeakKeyDictionary()

    def judge(self, attempt: Attempt) -> Verdict:
        """Decide about an attempt.

        As long as the arguments are not known one passes that would be allowed with some of them; judge it again with them.

        Returns:
            The verdict of the group that allows it; where none does, one with the reasons of all that name the command.
        """
        principal, called = attempt.principal, attempt.called
        if principal.is_admin:
            return ADMINS
        groups = self.naming(called)
        if not groups:
            return _of_role(principal, called)
        verdicts = [group.judge(attempt, self._administrators) for group in groups]
        for verdict in verdicts:
            if verdict.allows:
                return verdict
        return Verdict(verdicts[0].group, False, "; ".join(f"group {each.group}: {each.reason}" for each in verdicts))

    def stands_for_owner(self, attempt: Attempt) -> bool:
        """Return whether a token without a role here stands for its owner in an attempt that is allowed.

        It does so by a scope that a group names, or where no group decides; not where a group is for all, or for a network.
        """
        groups = self.naming(attempt.called)
        return not groups or any(group.allows_by_scope(attempt, self._administrators) for group in groups)

    def settles(self, principal: Principal, called: Called) -> bool:
        """Return whether somebody may call a command whatever the way and the arguments, so that :meth:`judge` need not be asked.

        Args:
            principal: the caller, with the roles that count for the command (:meth:`tigrest.service.policy.Policy.acting`).
            called: the command.
        """
        role = called.role
        return principal.is_admin or ((role is None or role in principal.roles) and not self.naming(called))

    def explain(self, attempt: Attempt) -> list[Verdict]:
        """Return what each group says about an attempt; the rights of admins come first, the declared role last."""
        principal, called = attempt.principal, attempt.called
        admins = ADMINS if principal.is_admin else Verdict(ADMINS.group, False, "the caller is no admin ([auth] admins)")
        verdicts = [admins, *(group.judge(attempt, self._administrators) for group in self._groups)]
        if naming := self.naming(called):
            names = ", ".join(group.name for group in naming)
            return [*verdicts, Verdict(OPEN.group, False, f"it does not count: the {_kind(called)} is named by {names}")]
        return [*verdicts, _of_role(principal, called)]

    @property
    def scopes(self) -> frozenset[str]:
        """Return the scopes of tokens that groups name."""
        return frozenset().union(*(group.scopes for group in self._own))

    def naming(self, called: Called) -> tuple[PermissionGroup, ...]:
        """Return the groups that name a command or a handler."""
        found = self._naming.get(called)
        if found is None:
            found = self._naming[called] = tuple(group for group in self._groups if group.names(called))
        return found

    def unknown(self, names: Collection[str]) -> Iterator[str]:
        """Find names of commands in groups that are none.

        Args:
            names: of all commands.

        Returns:
            A line for each, with the nearest command.
        """
        for group in self._own:
            for name in group.exact_names:
                if name not in names:
                    yield _problem(group, f"there is no command {name!r}", nearest(name, names))

    def unknown_handlers(self, handlers: Collection[Called]) -> Iterator[str]:
        """Find entries about handlers in groups that name none.

        Args:
            handlers: all there are.

        Returns:
            A line for each, with the nearest URI.
        """
        uris = [uri for handler in handlers for uri in handler.uris]
        for group in self._own:
            for entry in group.uris:
                if not any(entry.names(handler) for handler in handlers):
                    near = nearest(entry.value, uris)
                    yield _problem(group, f"there is no handler {HANDLER + entry.value!r}", near and HANDLER + near)


def _problem(group: PermissionGroup, problem: str, near: str | None) -> str:
    return f"api.permissions.{group.name}.what: {problem}{f'; did you mean {near!r}?' if near else ''}"


def _kind(called: Called) -> str:
    return "handler" if called.uris else "command"


def _of_role(principal: Principal, called: Called) -> Verdict:
    role = called.role
    if role is None:
        return OPEN
    if role in principal.roles:
        return Verdict(OPEN.group, True, f"the caller has the role {role}")
    return Verdict(OPEN.group, False, f"{called.name} needs the role {role}, which {principal} does not have ([auth] admins)")


def _is_way(way: str, attempt: Attempt) -> bool:
    if way.startswith("/"):
        return attempt.path == way or attempt.path.startswith(f"{way.rstrip('/')}/")
    return attempt.way == way
