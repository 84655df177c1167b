"""Make the parts that authenticate callers, and decide who may call which commands, from the configuration."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pydantic import SecretStr

from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.admission import Admission
from tigrest.auth.api_keys import ApiKey, ApiKeys, KeyStore, hash_key
from tigrest.auth.logins import Logins
from tigrest.auth.permission_entries import Administrators
from tigrest.auth.permissions import Permissions
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import TokenStore
from tigrest.auth.tokens import Tokens
from tigrest.config import Config
from tigrest.config.models import AccountConfig, ApiKeyConfig
from tigrest.passwords import Passwords
from tigrest.service import Service

BOOTSTRAP = "HTTP_API_KEY_BOOTSTRAP"
"""Environment variable with an API key that works while none is configured."""


@dataclass(frozen=True)
class Authentication:
    """The parts that authenticate callers.

    Args:
        logins: checks passwords.
        api_keys: recognises API keys.
        tokens: recognises tokens.
        admission: asks these for each request.
    """

    logins: Logins
    api_keys: ApiKeys
    tokens: Tokens
    admission: Admission


def make_permissions(config: Config) -> Permissions:
    """Make what decides who may call which commands."""
    domain_admins = {domain: frozenset(admins) for domain, admins in config.auth.domain_admins.items()}
    groups = [group.group(name) for name, group in config.api.permissions.items()]
    return Permissions(groups, Administrators(frozenset(config.auth.admins), domain_admins))


def make_authentication(config: Config, service: Service, passwords: Passwords, store: KeyStore, token_store: TokenStore) -> Authentication:
    """Make what authenticates callers.

    Args:
        config: how the gateway is set up.
        service: checks passwords, and knows who is an admin.
        passwords: verifies hashes of the gateway's own accounts.
        store: API keys besides those of the configuration.
        token_store: tokens.
    """
    throttle = Throttle()
    logins = Logins(
        domain=service.domain,
        check_backend=service.check_credentials,
        accounts=make_accounts(config, passwords),
        throttle=throttle,
        cache_seconds=config.auth.cache_seconds,
    )
    api_keys = ApiKeys(configured_keys(config), store, bootstrap=os.environ.get(BOOTSTRAP), open_access=config.auth.open_access)
    tokens = Tokens(token_store, throttle, service.users.exists, logins.knows)
    return Authentication(logins, api_keys, tokens, Admission(logins, api_keys, tokens, service.policy.roles_of))


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
