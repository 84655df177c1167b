"""Make the parts that authenticate callers, and decide who may call which commands, from the configuration."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pydantic import SecretStr

from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.admission import Admission
from tigrest.auth.api_keys import ApiKey, ApiKeys, KeyStore, hash_key
from tigrest.auth.bearers import Bearers
from tigrest.auth.client_store import ClientStore
from tigrest.auth.code_store import CodeStore
from tigrest.auth.device_store import DeviceStore
from tigrest.auth.hook_admission import HookAdmission
from tigrest.auth.hook_store import Hook, HookStore
from tigrest.auth.issuer_keys import IssuerKeys
from tigrest.auth.issuer_settings import IssuerSettings
from tigrest.auth.issuer_tokens import IssuerTokens
from tigrest.auth.issuers import Issuer
from tigrest.auth.logins import Logins
from tigrest.auth.permission_entries import Administrators
from tigrest.auth.permissions import Permissions
from tigrest.auth.server_tokens import ServerTokens
from tigrest.auth.sign_in_store import SignInStore
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_families import TokenFamilies
from tigrest.auth.token_store import TokenStore
from tigrest.auth.tokens import Tokens
from tigrest.backends.backend import LoginPort
from tigrest.commands.registry import Commands
from tigrest.config import Config
from tigrest.config.issuers import IssuerConfig
from tigrest.config.models import AccountConfig, ApiKeyConfig
from tigrest.hooks.receiver import HookReceiver
from tigrest.hooks.renderer import Renderer
from tigrest.hooks.repeats import HookRepeats
from tigrest.http.idempotency import Idempotency
from tigrest.oauth.owners import Owners
from tigrest.oauth.server import AuthorizationServer, Stores
from tigrest.oauth.settings import OAuthSettings
from tigrest.passwords import Passwords
from tigrest.service import Service
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID

BOOTSTRAP = "HTTP_API_KEY_BOOTSTRAP"
"""Environment variable with an API key that works while none is configured."""


@dataclass(frozen=True)
class Authentication:
    """The parts that authenticate callers.

    Args:
        logins: checks passwords.
        api_keys: recognises API keys.
        tokens: recognises tokens of the gateway.
        issuers: recognises those of identity providers.
        server_tokens: recognises those of the XMPP server.
        bearers: recognises tokens of all kinds.
        admission: asks these for each request.
        throttle: counts failures.
    """

    logins: Logins
    api_keys: ApiKeys
    tokens: Tokens
    issuers: IssuerTokens
    server_tokens: ServerTokens
    bearers: Bearers
    admission: Admission
    throttle: Throttle


def make_permissions(config: Config) -> Permissions:
    """Make what decides who may call which commands."""
    domain_admins = {domain: frozenset(admins) for domain, admins in config.auth.domain_admins.items()}
    groups = [group.group(name) for name, group in config.api.permissions.items()]
    return Permissions(groups, Administrators(frozenset(config.auth.admins), domain_admins))


def make_authentication(
    config: Config, service: Service, login_port: LoginPort | None, passwords: Passwords, store: KeyStore, token_store: TokenStore
) -> Authentication:
    """Make what authenticates callers.

    Args:
        config: how the gateway is set up.
        service: checks passwords, and knows who is an admin.
        login_port: checks tokens of the XMPP server; ``None`` where it has none.
        passwords: verifies hashes of the gateway's own accounts.
        store: API keys besides those of the configuration.
        token_store: tokens.
    """
    throttle = Throttle()
    logins = Logins(
        domain=service.domain,
        check_backend=service.check_credentials,
        check_login=login_port.check_login if login_port is not None else None,
        accounts=make_accounts(config, passwords),
        throttle=throttle,
        cache_seconds=config.auth.cache_seconds,
    )
    api_keys = ApiKeys(configured_keys(config), store, bootstrap=os.environ.get(BOOTSTRAP), open_access=config.auth.open_access)

    async def exists(owner: JID) -> bool:
        return logins.has_own(owner) or await service.users.exists(owner)

    tokens = Tokens(token_store, throttle, exists, logins.knows)
    issuers = IssuerTokens(throttle, logins.knows, exists)
    issuers.configure(make_issuers(config))
    server_tokens = make_server_tokens(config, service.domain, login_port, logins, throttle)
    bearers = Bearers(tokens, issuers, server_tokens)
    admission = Admission(logins, api_keys, bearers, service.policy.roles_of)
    return Authentication(logins, api_keys, tokens, issuers, server_tokens, bearers, admission, throttle)


def make_server_tokens(config: Config, domain: JID, login_port: LoginPort | None, logins: Logins, throttle: Throttle) -> ServerTokens:
    """Make what recognises tokens of the XMPP server. Accounts of the gateway hide the server's, also for these."""

    async def owner_of(token: str) -> JID | None:
        owner = await login_port.owner_of_token(token) if login_port is not None else None
        return owner if owner is not None and not logins.has_own(owner) else None

    return ServerTokens(
        domain,
        owner_of=owner_of if login_port is not None else None,
        permit=logins.permit,
        throttle=throttle,
        cache_seconds=config.auth.cache_seconds,
    )


def make_issuers(config: Config) -> list[Issuer]:
    """Make the identity providers of the configuration, whose keys are fetched when they are needed."""
    return [
        Issuer(_issuer_settings(issuer, config.xmpp.domain), IssuerKeys(issuer.url, issuer.jwks_url or ""))
        for issuer in config.auth.issuers
    ]


def _issuer_settings(issuer: IssuerConfig, domain: JID) -> IssuerSettings:
    return IssuerSettings(
        url=issuer.url,
        audiences=issuer.audience,
        domain=issuer.domain or domain,
        jid_claim=issuer.jid_claim,
        algorithms=issuer.algorithms,
        admin=issuer.admin_claim,
        scopes=tuple(issuer.scopes.items()),
        needs_account=issuer.needs_account,
    )


def make_authorization_server(
    config: Config, service: Service, database: Database, token_store: TokenStore, authentication: Authentication, commands: Commands
) -> AuthorizationServer:
    """Make what gives clients tokens for users.

    Args:
        config: how the gateway is set up.
        service: knows who is an admin, and whether there is an account.
        database: where clients are stored, and what users grant to them.
        token_store: tokens, in the same database.
        authentication: checks logins.
        commands: tells which scopes are those of commands.
    """
    owners = Owners(authentication.logins, service.policy.is_admin, service.users.exists, commands.is_named)
    stores = Stores(
        families=TokenFamilies(database, token_store),
        clients=ClientStore(database),
        codes=CodeStore(database),
        devices=DeviceStore(database),
        sign_ins=SignInStore(database),
    )
    return AuthorizationServer(stores, authentication.throttle, owners, oauth_settings(config))


def make_hooks(
    config: Config, store: HookStore, service: Service, authentication: Authentication, idempotency: Idempotency
) -> HookReceiver:
    """Make what receives posts of other programs.

    Args:
        config: how the gateway is set up.
        store: hooks besides those of the configuration.
        service: sends the messages.
        authentication: counts failures, those of logins among them.
        idempotency: tells posts that come again.
    """
    admission = HookAdmission(configured_hooks(config), store, authentication.throttle)
    return HookReceiver(service, admission, Renderer(), HookRepeats(idempotency))


def configured_hooks(config: Config) -> list[Hook]:
    """Return the hooks of the configuration."""
    return [each.hook for each in config.hooks]


def oauth_settings(config: Config) -> OAuthSettings:
    """Return the settings of the authorisation server."""
    tokens = config.auth.tokens
    return OAuthSettings(tokens.register_, tokens.access_seconds, tokens.refresh_seconds)


def make_accounts(config: Config, passwords: Passwords) -> Accounts:
    """Make the gateway's own accounts."""
    return Accounts([_account(account) for account in config.auth.accounts], passwords)


def _account(account: AccountConfig) -> Account:
    return Account(jid=account.jid, password=text_of(account.password), password_hash=account.password_hash or "")


def configured_keys(config: Config) -> list[ApiKey]:
    """Return the API keys of the configuration."""
    return [_api_key(key) for key in config.auth.api_keys]


def _api_key(key: ApiKeyConfig) -> ApiKey:
    return ApiKey(
        name=key.name,
        digest=key.key_hash or hash_key(text_of(key.key)),
        paths=tuple(re.compile(path) for path in key.paths),
        domains=key.domains,
    )


def text_of(value: SecretStr | None) -> str:
    """Return a secret of the configuration as text; empty for none."""
    return value.get_secret_value() if value is not None else ""
