"""Entries of permissions: who is meant, and what, as words in the configuration."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from tigrest.auth.networks import read_network
from tigrest.auth.principal import Principal
from tigrest.xmpp.jid import JID

_AnyNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

ACCOUNT_PARTS = (("localuser", "localhost"), ("user", "host"))
"""Pairs of arguments that name the account which a command is about; where several are there the first one counts."""

ADDRESSES = ("caller", "jid", "from")
"""Arguments that name the account which a command is about by its address; where several are there the first one counts."""

SERVICE = "service"
"""Argument of commands about a room: they are about no account, whatever addresses they name besides."""

_WHO = 'write "role:user", "scope:…", "own", "domain-admin", "all", an address, a domain, or a network such as "10.0.0.0/8"'
_WHAT = 'write a command, "get_*", "[tag:muc]", "[effect:read]", a handler such as "rest:/rest/stream", or "!" and one of these'

SCOPE = "scope:"
"""Beginning of the entries of ``who`` that name scopes of tokens."""

HANDLER = "rest:"
"""Beginning of the entries of ``what`` that name handlers."""


class Called(Protocol):
    """A command or a handler, as far as it matters who may call it."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def role(self) -> str | None:
        """Return the role that it requires; ``None`` for none."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Return its tags."""

    @property
    def is_read(self) -> bool:
        """Return whether it only tells."""

    @property
    def about(self) -> tuple[str, ...] | None:
        """Return the arguments with the addresses of all accounts that it is about; ``None`` where their names tell."""

    @property
    def uris(self) -> tuple[str, ...]:
        """Return the URIs of a handler, one for each combination of optional parts; none for a command."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to call a command or a handler.

    Args:
        principal: the caller.
        called: which.
        way: how he calls: ``http``, ``ctl``, ``adhoc`` or ``console``.
        path: percent-decoded path of the request; empty when it did not come over HTTP.
        values: the arguments by name; ``None`` as long as they are not known.
        is_scoped: whether the permission names a scope of the caller's token.
    """

    principal: Principal
    called: Called
    way: str = "http"
    path: str = ""
    values: Mapping[str, Any] | None = None
    is_scoped: bool = False

    @property
    def jid(self) -> JID | None:
        """Return the address of the caller; ``None`` also with a token that is not for this command: it does not stand for its owner."""
        principal = self.principal
        is_bound = principal.via == "bearer" and not principal.roles and not self.is_scoped
        return None if is_bound else principal.jid


@dataclass(frozen=True)
class Administrators:
    """Administrators and what they administer.

    Args:
        admins: bare addresses of those with the role admin.
        of_domains: bare addresses of those who administer a domain, by the domain.
    """

    admins: frozenset[JID] = frozenset()
    of_domains: Mapping[JID, frozenset[JID]] = field(default_factory=dict)


class InvalidPermission(ValueError):
    """An entry cannot be understood.

    Args:
        key: where it stands: ``from``, ``who`` or ``what``.
        message: what is wrong, and what to write.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Who(Protocol):
    """Somebody that is meant."""

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        """Return why the caller is not meant, in a phrase for people; empty when he is."""


@dataclass(frozen=True)
class _Everybody:
    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        return ""


@dataclass(frozen=True)
class _Role:
    role: str

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        return "" if self.role in attempt.principal.roles else f"not of role {self.role}"


@dataclass(frozen=True)
class _Scope:
    """The bearer of a token that an administrator has made with a scope: one that a user chose at his login gives him nothing."""

    scope: str

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        principal = attempt.principal
        if self.scope not in principal.scopes:
            return f"without a token of scope {self.scope}"
        return f"with a token whose scope {self.scope} he chose himself" if principal.has_chosen else ""


@dataclass(frozen=True)
class _Address:
    jid: JID

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        jid = attempt.jid
        if self.jid.local:
            return "" if jid == self.jid else f"not {self.jid}"
        return "" if jid is not None and jid.domain == self.jid.domain else f"not of {self.jid}"


@dataclass(frozen=True)
class _Network:
    """Callers from a network, but no pages in its browsers: anybody may have made those."""

    network: _AnyNetwork

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        if attempt.principal.via == "page":
            return "a page in a browser, for which its network does not count"
        try:
            address = ipaddress.ip_address(attempt.principal.address)
        except ValueError:
            return f"not from {self.network}"
        plain = getattr(address, "ipv4_mapped", None) or address  # ::ffff:127.0.0.1, where one socket takes both
        return "" if plain in self.network else f"not from {self.network}"


@dataclass(frozen=True)
class _Own:
    """The owner of the account that the command is about, as far as its arguments are known."""

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        if attempt.jid is None:
            return "not logged in for this, so that nothing is his own"
        if not (attempt.principal.roles or attempt.is_scoped):
            return f"a stranger: {attempt.jid} is no user of the served domain"
        if attempt.values is None:
            return ""
        owners = owners_of(attempt.values, attempt.called.about)
        if not owners:
            return "not the owner: it is about no account"
        return "" if owners == {str(attempt.jid)} else f"not the owner: it is about {', '.join(sorted(owners))}"


@dataclass(frozen=True)
class _DomainAdmin:
    """An admin of the domains that the command is about, as far as its arguments are known.

    Accounts of admins of the gateway are not his to administer: whoever sets their passwords is one of them.
    """

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        administered = {str(domain) for domain, admins in administrators.of_domains.items() if attempt.jid in admins}
        if not administered:
            return "no admin of a domain ([auth] domain_admins)"
        if attempt.values is None:
            return ""
        owners = owners_of(attempt.values, attempt.called.about)
        if above := owners & administrators.admins - {attempt.jid}:
            return f"no admin of the gateway, as {', '.join(sorted(above))} is"
        domains = {_domain(owner) for owner in owners} | set(_domains_of(attempt.values))
        if not domains:
            return "an admin of a domain, and it is about none"
        return "" if domains <= administered else f"no admin of {', '.join(sorted(domains - administered))}"


@dataclass(frozen=True)
class _Each:
    """Entries of which each one has to match."""

    entries: tuple[Who, ...]

    def trouble(self, attempt: Attempt, administrators: Administrators) -> str:
        if any(isinstance(each, _Scope) and not each.trouble(attempt, administrators) for each in self.entries):
            attempt = replace(attempt, is_scoped=True)
        return next((trouble for each in self.entries if (trouble := each.trouble(attempt, administrators))), "")


def names_scope(who: Who) -> bool:
    """Return whether an entry means bearers of tokens by a scope of these, so that such a token stands for its owner."""
    return isinstance(who, _Scope) or (isinstance(who, _Each) and any(map(names_scope, who.entries)))


def read_who(entry: str | Sequence[str]) -> Who:
    """Read an entry of ``who``; a list is somebody for whom all in it holds.

    Raises:
        InvalidPermission: it means nobody.
    """
    if not isinstance(entry, str):
        if not entry:
            raise InvalidPermission("who", "has an empty list in it, which means nobody; leave it out")
        return _Each(tuple(read_who(each) for each in entry))
    words: dict[str, Who] = {"own": _Own(), "domain-admin": _DomainAdmin(), "all": _Everybody(), "role:user": _Role("user")}
    words["role:admin"] = _Role("admin")
    if entry in words:
        return words[entry]
    if entry.startswith(SCOPE) and entry != SCOPE:
        return _Scope(entry.removeprefix(SCOPE))
    try:
        return _Network(read_network(entry))
    except ValueError as error:
        if re.fullmatch(r"[0-9.]+/[0-9]+|.*:.*/[0-9]+", entry):
            raise InvalidPermission("who", f'has "{entry}" in it, which is no network: {error}') from None
    if ":" not in entry and "/" not in entry:
        try:
            return _Address(JID(entry))
        except ValueError:
            pass
    raise InvalidPermission("who", f'has "{entry}" in it, which means nobody; {_WHO}')


@dataclass(frozen=True)
class What:
    """An entry of ``what``.

    Args:
        kind: a name with wildcards, a tag, an effect, or a URI with wildcards: that names handlers, the others name commands.
        value: which.
        excludes: whether it is left out.
    """

    kind: Literal["name", "tag", "effect", "uri"]
    value: str
    excludes: bool

    def is_about(self, called: Called) -> bool:
        """Return whether it can name something of this kind: a handler, or a command."""
        return (self.kind == "uri") is bool(called.uris)

    def names(self, called: Called) -> bool:
        """Return whether it names a command or a handler."""
        if not self.is_about(called):
            return False
        if self.kind == "uri":
            return any(fnmatch.fnmatchcase(uri, self.value) for uri in called.uris)
        if self.kind == "tag":
            return self.value in called.tags
        if self.kind == "effect":
            return self.value == ("read" if called.is_read else "write")
        return fnmatch.fnmatchcase(called.name, self.value)

    @property
    def exact_name(self) -> str:
        """Return the name of the one command that it names; empty where it may name several, and for handlers."""
        return "" if self.kind != "name" or re.search(r"[*?\[]", self.value) else self.value


def read_what(entry: str) -> What:
    """Read an entry of ``what``.

    Raises:
        InvalidPermission: it can name nothing.
    """
    excludes, name = entry.startswith("!"), entry.removeprefix("!")
    if name.startswith(HANDLER):
        return What("uri", _uri_of(entry, name.removeprefix(HANDLER)), excludes)
    if tag := re.fullmatch(r"\[tag:([^\]]+)\]", name):
        return What("tag", tag[1], excludes)
    if effect := re.fullmatch(r"\[effect:(read|write)\]", name):
        return What("effect", effect[1], excludes)
    if not re.fullmatch(r"(?:[a-z0-9_*?]|\[!?[a-z0-9_-]+\])+", name):
        raise InvalidPermission("what", f'has "{entry}" in it, which names nothing; {_WHAT}')
    return What("name", name, excludes)


def _uri_of(entry: str, uri: str) -> str:
    """Return the URI of an entry about handlers.

    Raises:
        InvalidPermission: it is none.
    """
    if not uri.startswith(("/", "*")) or not uri.isprintable() or re.search(r"[\[\]\s]", uri):
        cure = 'write "rest:" and a URI as tigrest routes lists them, without the brackets of what may be left out, or "rest:*"'
        raise InvalidPermission("what", f'has "{entry}" in it, which names no handler; {cure}')
    return uri


def owners_of(values: Mapping[str, Any], about: Sequence[str] | None = None) -> set[str]:
    """Return the bare addresses of the accounts that a command is about, by its arguments; none when they name none.

    Args:
        values: the arguments. What is no address counts as written: nobody owns it.
        about: those with the addresses of all accounts; ``None`` where their names tell.
    """
    if about is not None:
        return {_bare(str(values[name])) for name in about}
    if SERVICE in values:
        return set()
    pair = next(((values[user], values[host]) for user, host in ACCOUNT_PARTS if user in values and host in values), None)
    named = set() if pair is None else {_account(*map(str, pair))}
    address = next((values[name] for name in ADDRESSES if isinstance(values.get(name), str)), None)
    return named if address is None else named | {_bare(address)}


def _domains_of(values: Mapping[str, Any]) -> Iterator[str]:
    if SERVICE in values:
        yield _host(str(values[SERVICE]))
        return
    for name in ("localhost",) if "localuser" in values else ("host", "localhost"):  # beside a localuser, host is that of a contact
        if isinstance(values.get(name), str):
            yield _host(values[name])


def _account(local: str, domain: str) -> str:
    """Return the address of these parts; as written where one part has more in it: ``alice@example.org/x`` is no local part."""
    text = f"{local}@{domain}"
    return text if "/" in text else _bare(text)


def _host(text: str) -> str:
    """Return a domain; as written where there is more in it."""
    return text if "@" in text or "/" in text else _bare(text)


def _domain(owner: str) -> str:
    """Return the domain of what :func:`owners_of` returns; as written what is no address."""
    try:
        jid = JID(owner)
    except ValueError:
        return owner
    return owner if jid.resource else jid.domain


def _bare(text: str) -> str:
    try:
        return str(JID(text).bare)
    except ValueError:
        return text
