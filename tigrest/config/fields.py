"""Define the types of configuration values, and the messages for values that they do not accept."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

import idna
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr
from pydantic_core import PydanticKnownError

from tigrest.auth.networks import read_network
from tigrest.errors import InvalidJID
from tigrest.passwords import Passwords
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID

T = TypeVar("T")

KEY_HASH = re.compile(r"sha256:[0-9a-f]{64}")
"""Form of the hash of an API key."""

DEFAULT_PORTS = {"http": 80, "https": 443}

URL_VARIABLES = ("kind", "type", "to", "from")
"""Variables that the URL of a webhook may have, in braces."""

_VARIABLE = re.compile(r"\{([^{}]*)\}")


class KeyProblem(ValueError):
    """A problem of one key that the validator of its table found.

    Args:
        key: the key, relative to the table.
        message: what is wrong and how to mend it.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return value


def _jid(value: object) -> JID:
    try:
        return JID(_text(value))
    except InvalidJID as error:
        raise ValueError(str(error)) from None


def _user(value: object) -> JID:
    jid = _jid(value)
    if not jid.local or jid.resource:
        raise ValueError(f'"{jid}" is not the address of a user: write local@domain')
    return jid


def _domain(value: object) -> JID:
    jid = _jid(value)
    if jid.local or jid.resource:
        raise ValueError(f'"{jid}" is not a domain: leave out what stands before "@" and behind "/"')
    return jid


def _file(value: object) -> Path:
    if not _text(value):
        raise ValueError("is empty; name a file or folder")
    return Path(str(value))


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f'"{value}" is not a regular expression: {error}') from None
    return value


def _network(value: str) -> str:
    try:
        read_network(value)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an IP address or network such as "127.0.0.1" or "10.0.0.0/8": {error}') from None
    return value


def _origin(value: str) -> str:
    if value == "*":
        return value
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or f"{parts.scheme}://{parts.netloc}" != value or "@" in value:
        raise ValueError(f'"{value}" is not an origin: write "https://example.org", with a port if it has one and no path, or "*"')
    return _as_browsers_write(parts)


def _as_browsers_write(parts: SplitResult) -> str:
    """Return an origin as it stands in the header ``Origin``. HTML Living Standard §7.1.1"""
    host = str(parts.hostname)
    try:
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f'"{host}" is not the name of a host: {error}') from None
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"


def _http_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(char.isspace() for char in value):
        raise ValueError("is not an http:// or https:// URL")
    return value


def _webhook_url(value: str) -> str:
    parts = _split(_http_url(value))
    if parts.fragment:
        raise ValueError('has a part behind "#", which is never sent; leave it out, or write "%23"')
    if {"{", "}"} & set(parts.netloc):
        raise ValueError("has a variable in its host; variables may stand in path and query only")
    template = f"{parts.path}?{parts.query}"
    for name in _VARIABLE.findall(template):
        if name not in URL_VARIABLES:
            near = nearest(name, URL_VARIABLES)
            known = ", ".join(f"{{{variable}}}" for variable in URL_VARIABLES)
            raise ValueError(f"has the variable {{{name}}}; " + (f"did you mean {{{near}}}?" if near else f"there are {known}"))
    if {"{", "}"} & set(_VARIABLE.sub("", template)):
        raise ValueError('has a single "{" or "}"; write "%7B" or "%7D", or a variable such as "{to}"')
    return value


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 – raises when it is not a port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    return parts


def _password_hash(value: str) -> str:
    passwords = Passwords()
    try:
        if not passwords.is_hash(value):
            raise ValueError("is not an argon2id hash; make one with: tigrest hash-password")
    finally:
        passwords.close()
    return value


def _key_hash(value: str) -> str:
    if not KEY_HASH.fullmatch(value.lower()):
        raise ValueError('is not the hash of a key: write "sha256:" and the 64 hexadecimal digits of its SHA-256')
    return value.lower()


def _signing_secret(secret: SecretStr) -> SecretStr:
    value = _not_empty(secret.get_secret_value())
    try:
        usable = not value.startswith("whsec_") or base64.b64decode(value.removeprefix("whsec_"), validate=True) != b""
    except binascii.Error:
        usable = False
    if not usable:
        raise ValueError('begins with "whsec_", but does not go on in Base64; make one with: openssl rand -base64 24')
    return secret


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def _mount_path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value) or {".", ".."} & set(value.split("/")):
        raise ValueError(f'"{value}" is not a path such as "/api/v0": begin each part with a slash, and use letters, digits and "-._~"')
    return value


def _numbered(value: object) -> object:
    """Return a plain number as the table of a version."""
    return {"version": value} if isinstance(value, int) and not isinstance(value, bool) else value


ArrayOf = Annotated[tuple[T, ...], Field(strict=False)]
"""An array."""

NonEmptyText = Annotated[str, AfterValidator(_not_empty)]
DatabaseLocation = Annotated[str, AfterValidator(_not_empty), Field(repr=False)]
"""A database: file path, ``:memory:`` or URL, in which a password may stand."""

File = Annotated[Path, BeforeValidator(_file)]
Domain = Annotated[JID, PlainValidator(_domain)]
User = Annotated[JID, PlainValidator(_user)]
Regex = Annotated[str, AfterValidator(_regex)]
Network = Annotated[str, AfterValidator(_network)]
Origin = Annotated[str, AfterValidator(_origin)]
HttpUrl = Annotated[str, AfterValidator(_http_url), Field(repr=False)]
"""A URL, in which a password may stand."""

WebhookUrl = Annotated[str, AfterValidator(_webhook_url), Field(repr=False)]
"""A URL with variables in path and query, in which a password may stand."""

PasswordHash = Annotated[str, AfterValidator(_password_hash)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing_secret)]
"""A secret that requests to a webhook are signed with. Standard Webhooks 1.0.0"""

MountPath = Annotated[str, AfterValidator(_mount_path)]
Numbered = BeforeValidator(_numbered)
"""Takes a plain number for the key ``version`` of a table."""

KeyHash = Annotated[str, AfterValidator(_key_hash)]

Listen = Annotated[int, Field(ge=0, le=65535)]
"""A port to listen on; 0 picks a free one."""
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Memory = Annotated[int, Field(ge=0)]
"""Size of a cache in bytes; 0 turns it off."""
MemorySeconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Lifetime of cached values in seconds; 0 turns the cache off."""
