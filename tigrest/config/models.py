"""Model the configuration: a class for each table of the file, an attribute for each of its keys."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from tigrest.auth.permission_entries import InvalidPermission
from tigrest.auth.permissions import PermissionGroup
from tigrest.config.fields import (
    ArrayOf,
    Count,
    DatabaseLocation,
    Domain,
    File,
    HttpUrl,
    KeyHash,
    KeyProblem,
    Listen,
    Memory,
    MemorySeconds,
    MountPath,
    Network,
    NonEmptyText,
    Numbered,
    Origin,
    PasswordHash,
    Port,
    Regex,
    Seconds,
    SigningSecret,
    User,
    WebhookUrl,
)
from tigrest.config.hook_config import HookConfig
from tigrest.config.issuers import IssuerConfig
from tigrest.config.section import Section
from tigrest.errors import InvalidJID
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import STANZA_KINDS, StanzaKind

STATE = "var/tigrest.sqlite3"

MAX_WEBHOOK_NAME = 200
"""Most characters in the name of a webhook."""

ActingAs = Literal["gateway", "user"]
"""Whose address a stanza is from: the gateway's own, or the user's that it is sent for."""


class HttpConfig(Section):
    """``[http]``: the HTTP server."""

    host: NonEmptyText = "127.0.0.1"
    port: Listen = 8080
    max_body: Count = 1048576
    max_upload: Count = 104857600
    request_timeout: Seconds = 30.0
    send_timeout: Seconds = 60.0
    stop_timeout: Seconds = 10.0
    trusted_proxies: ArrayOf[Network] = ()
    cors_origins: ArrayOf[Origin] = ()


class ScriptsConfig(Section):
    """``[scripts]``: folders of handler scripts."""

    dirs: ArrayOf[File] = (Path("scripts/rest"),)
    command_dirs: ArrayOf[File] = (Path("scripts/commands"),)
    reload: bool = True
    schedules: bool = True
    builtins: bool = True


class PluginsConfig(Section):
    """``[plugins]``: folders of plugins, besides those that are installed."""

    dirs: ArrayOf[File] = ()


class XmppConfig(Section):
    """``[xmpp]``: the back end, and the link to the XMPP server."""

    backend: Literal["embedded", "component"] = "embedded"
    domain: Domain = JID("localhost")
    jid: Domain = Field(default_factory=lambda known: JID(f"http.{known['domain']}"))
    host: NonEmptyText = "127.0.0.1"
    port: Port = 5347
    secret: SecretStr = SecretStr("")
    secret_file: File | None = None
    max_stanza: Count = 262144
    c2s_host: NonEmptyText = "127.0.0.1"
    c2s_port: Port = 5222
    c2s_tls: Literal["require", "allow", "never"] = "require"
    c2s_ca: str = Field(default="", repr=False)
    c2s_ca_file: File | None = None
    send_as: ActingAs | None = None
    adhoc_as: ActingAs | None = None

    @property
    def effective_send_as(self) -> ActingAs:
        """Return ``send_as``, or the default of the back end."""
        return self.send_as or self._default_address

    @property
    def effective_adhoc_as(self) -> ActingAs:
        """Return ``adhoc_as``, or the default of the back end."""
        return self.adhoc_as or self._default_address

    @property
    def _default_address(self) -> ActingAs:
        return "user" if self.backend == "embedded" else "gateway"

    @model_validator(mode="after")
    def _check(self) -> XmppConfig:
        if self.jid == self.domain:
            raise KeyProblem("jid", f'"{self.jid}" is the domain of the users; use one of our own, such as "http.{self.domain}"')
        if self.backend == "component" and not self.secret.get_secret_value():
            raise KeyProblem("secret", "is missing: the component back end needs the secret that the XMPP server knows, or secret_file")
        if self.c2s_ca and not _holds_certificate(self.c2s_ca):
            key = "c2s_ca_file" if self.c2s_ca_file else "c2s_ca"
            raise KeyProblem(key, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
        return self


def _holds_certificate(text: str) -> bool:
    try:
        ssl.create_default_context(cadata=text)
    except ssl.SSLError:
        return False
    return True


class ApiKeyConfig(Section):
    """``[[auth.api_keys]]``: an API key, and the paths and hosts it is valid for."""

    name: NonEmptyText
    key: SecretStr | None = None
    key_file: File | None = None
    key_hash: KeyHash | None = Field(default=None, repr=False)
    paths: ArrayOf[Regex] = ("/rest/stream.*",)
    domains: ArrayOf[NonEmptyText] = ()

    @model_validator(mode="after")
    def _check(self) -> ApiKeyConfig:
        _one_of("key", self.key, "key_hash", self.key_hash)
        return self


class AccountConfig(Section):
    """``[[auth.accounts]]``: an account that exists only in the gateway."""

    jid: User
    password: SecretStr | None = None
    password_file: File | None = None
    password_hash: PasswordHash | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _check(self) -> AccountConfig:
        _one_of("password", self.password, "password_hash", self.password_hash)
        return self


def _one_of(key: str, secret: SecretStr | None, hash_key: str, secret_hash: str | None) -> None:
    if secret is not None and secret_hash is not None:
        raise KeyProblem(hash_key, f"cannot stand together with {key}; keep one of the two")
    if secret is None and secret_hash is None:
        raise KeyProblem(key, f"is missing: give {key}, {key}_file or {hash_key}")
    if secret is not None and not secret.get_secret_value():
        raise KeyProblem(key, "is empty")


def _refuse_duplicates(table: str, key: str, values: Sequence[str]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise KeyProblem(f"{table}[{index}].{key}", f'"{value}" is there twice')


class TokensConfig(Section):
    """``[auth.tokens]``: the authorisation server, by which clients get tokens for users."""

    register_: Literal["off", "key", "open"] = Field(default="off", alias="register")
    access_seconds: Seconds = 3600.0
    refresh_seconds: Seconds = 2592000.0


class AuthConfig(Section):
    """``[auth]``: admins, API keys, accounts of the gateway, cache of logins, tokens, identity providers."""

    admins: ArrayOf[User] = (JID("admin@localhost"),)
    domain_admins: dict[Domain, ArrayOf[User]] = Field(default_factory=dict)
    open_access: bool = False
    cache_seconds: MemorySeconds = 60.0
    api_keys: ArrayOf[ApiKeyConfig] = ()
    accounts: ArrayOf[AccountConfig] = ()
    tokens: TokensConfig = TokensConfig()
    issuers: ArrayOf[IssuerConfig] = ()

    @model_validator(mode="after")
    def _check(self) -> AuthConfig:
        _refuse_duplicates("api_keys", "name", [key.name for key in self.api_keys])
        _refuse_duplicates("accounts", "jid", [account.jid for account in self.accounts])
        _refuse_duplicates("issuers", "url", [issuer.url for issuer in self.issuers])
        return self


class BoshConfig(Section):
    """``[bosh]``: the XMPP server's BOSH endpoint."""

    url: HttpUrl = "http://127.0.0.1:5280/http-bind"


class WebhookConfig(Section):
    """``[[webhooks]]``: a URL that stanzas are delivered to."""

    url: WebhookUrl
    name: NonEmptyText | None = None
    content_type: Literal["application/json", "application/xmpp+xml"] = "application/json"
    stanzas: ArrayOf[StanzaKind] = STANZA_KINDS
    events: ArrayOf[Literal["bare", "full", "host"]] = ("bare", "full", "host")
    secret: SigningSecret | None = None
    secret_file: File | None = None
    timeout: Seconds = 10.0
    max_attempts: Count = 20
    concurrency: Count = 4

    @property
    def effective_name(self) -> str:
        """Return ``name``, or the URL without ``user:password@`` and query, which may be secret."""
        parts = urlsplit(self.url)
        return self.name or f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @model_validator(mode="after")
    def _check(self) -> WebhookConfig:
        if len(self.effective_name) > MAX_WEBHOOK_NAME or not self.effective_name.isprintable():
            what = "is" if self.name else "is missing, and the URL, which stands for it, is"
            raise KeyProblem("name", f"{what} longer than {MAX_WEBHOOK_NAME} characters, or not printable")
        return self


class RoomConfig(Section):
    """``[[rooms]]``: a room that the gateway is in."""

    jid: User
    nick: NonEmptyText = "tigrest"
    password: SecretStr | None = None
    password_file: File | None = None
    stay: bool = True
    create: bool = False
    options: dict[NonEmptyText, bool | int | str] = Field(default_factory=dict)

    @property
    def option_texts(self) -> tuple[tuple[str, str], ...]:
        """Return the options as texts, as the command that makes rooms has them."""
        return tuple((name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in self.options.items())

    @model_validator(mode="after")
    def _check(self) -> RoomConfig:
        if self.create and not self.stay:
            raise KeyProblem("create", "is for rooms in which the gateway stays: leave out stay = false")
        if self.options and not self.create:
            raise KeyProblem("options", "are those of a room that the gateway makes: add create = true")
        try:
            self.jid.with_resource(self.nick)
        except InvalidJID:
            raise KeyProblem("nick", "cannot be a nickname: it is longer than 1023 bytes, or has a forbidden character") from None
        return self


class EmbeddedAccountConfig(Section):
    """``[[embedded.accounts]]``: an account of the embedded domain."""

    jid: User
    password: SecretStr | None = None
    password_file: File | None = None

    @model_validator(mode="after")
    def _check(self) -> EmbeddedAccountConfig:
        if self.password is None:
            raise KeyProblem("password", "is missing: give password or password_file")
        if not self.password.get_secret_value():
            raise KeyProblem("password", "is empty")
        return self


class EmbeddedConfig(Section):
    """``[embedded]``: the XMPP domain inside the process."""

    database: DatabaseLocation = STATE
    accounts: ArrayOf[EmbeddedAccountConfig] = ()

    @model_validator(mode="after")
    def _check(self) -> EmbeddedConfig:
        _refuse_duplicates("accounts", "jid", [account.jid for account in self.accounts])
        return self


class StateConfig(Section):
    """``[state]``: the database of the gateway."""

    database: DatabaseLocation = STATE


class AvatarsConfig(Section):
    """``[avatars]``: the avatars that are served, and their cache."""

    as_owner: bool = False
    urls: Literal["redirect", "proxy", "off"] = "redirect"
    cache_bytes: Memory = 67108864
    cache_seconds: MemorySeconds = 300.0
    miss_seconds: MemorySeconds = 15.0


class ApiMountConfig(Section):
    """A value of ``[api] mounts``: which API is at a path."""

    version: Annotated[int, Field(ge=0)] | None = None
    compat: Literal["ejabberd"] | None = None


class PermissionConfig(Section):
    """``[api.permissions.<group>]``: callers, and what they may call."""

    ways: ArrayOf[NonEmptyText] = Field(default=(), alias="from")
    who: ArrayOf[NonEmptyText | ArrayOf[NonEmptyText]] = ()
    what: ArrayOf[NonEmptyText] = ()

    def group(self, name: str) -> PermissionGroup:
        """Return it as a group of that name."""
        return PermissionGroup(name, ways=self.ways, who=self.who, what=self.what)

    @model_validator(mode="after")
    def _check(self) -> PermissionConfig:
        try:
            self.group("")
        except InvalidPermission as error:
            raise KeyProblem(error.key, str(error)) from None
        return self


class ApiConfig(Section):
    """``[api]``: commands over HTTP."""

    docs: Literal["admin", "public", "off"] = "admin"
    permissions: dict[NonEmptyText, PermissionConfig] = Field(default_factory=dict)
    mounts: dict[MountPath, Annotated[ApiMountConfig, Numbered]] = Field(default_factory=dict)


class CtlConfig(Section):
    """``[ctl]``: the Unix socket of ``tigrest ctl``."""

    socket: str = "var/ctl.sock"


class Config(Section):
    """The whole configuration."""

    http: HttpConfig = HttpConfig()
    scripts: ScriptsConfig = ScriptsConfig()
    plugins: PluginsConfig = PluginsConfig()
    xmpp: XmppConfig = XmppConfig()
    auth: AuthConfig = AuthConfig()
    bosh: BoshConfig = BoshConfig()
    webhooks: ArrayOf[WebhookConfig] = ()
    hooks: ArrayOf[HookConfig] = ()
    rooms: ArrayOf[RoomConfig] = ()
    embedded: EmbeddedConfig = EmbeddedConfig()
    state: StateConfig = StateConfig()
    avatars: AvatarsConfig = AvatarsConfig()
    api: ApiConfig = ApiConfig()
    ctl: CtlConfig = CtlConfig()

    @model_validator(mode="after")
    def _check(self) -> Config:
        names = [webhook.effective_name for webhook in self.webhooks]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise KeyProblem(f"webhooks[{index}].name", f'"{name}" is another webhook too; give each a name of its own')
        _refuse_duplicates("hooks", "name", [hook.name for hook in self.hooks])
        _refuse_duplicates("rooms", "jid", [room.jid for room in self.rooms])
        for index, account in enumerate(self.embedded.accounts):
            if account.jid.domain != self.xmpp.domain:
                raise KeyProblem(
                    f"embedded.accounts[{index}].jid",
                    f'"{account.jid}" is not an address of the embedded domain, which xmpp.domain calls "{self.xmpp.domain}"',
                )
        return self
