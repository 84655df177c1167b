"""Apply a changed configuration to a running gateway, as far as that goes without a restart: ``[auth]``, permissions, rooms and hooks."""

from __future__ import annotations

from collections.abc import Iterator

from tigrest.config import Config
from tigrest.gateway.assembly import Parts, room_settings
from tigrest.gateway.authentication import (
    configured_hooks,
    configured_keys,
    make_accounts,
    make_issuers,
    make_permissions,
    oauth_settings,
)
from tigrest.xmpp.jid import JID

APPLIED = ("auth.", "api.permissions", "rooms", "hooks")
"""Beginnings of the keys that can change while the gateway runs."""


def changed_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Return the keys whose values differ, as ``http.port`` and ``webhooks``; a secret counts by itself, not by the file it is in."""
    return tuple(_changed_keys(old, new))


def _changed_keys(old: Config, new: Config) -> Iterator[str]:
    for table in Config.model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if isinstance(before, tuple):
            if before != after:
                yield table
            continue
        for key in type(before).model_fields:
            plain = key.removesuffix("_file")
            if (plain == key or not hasattr(before, plain)) and getattr(before, key) != getattr(after, key):
                yield f"{table}.{key}"


def apply(parts: Parts, old: Config, new: Config) -> None:
    """Make ``[auth]``, ``[api.permissions]``, ``[[rooms]]`` and ``[[hooks]]`` of another configuration count from the next request on.

    Whatever cannot be made of it is found out before anything changes: a configuration counts as a whole or not at all.

    The event streams of those who are no admins any more, or whose account in the gateway has changed, are closed: they may log in again.
    What clients got by the old password of such an account is revoked.

    Args:
        parts: of the running gateway.
        old: the configuration that it runs with.
        new: the other one.
    """
    authentication, policy = parts.authentication, parts.service.policy
    keys, oauth, permissions, rooms = configured_keys(new), oauth_settings(new), make_permissions(new), room_settings(new)
    accounts, issuers, hooks = make_accounts(new, parts.passwords), make_issuers(new), configured_hooks(new)
    authentication.api_keys.configure(keys, new.auth.open_access)
    parts.authorization.configure(oauth)
    parts.hooks.configure(hooks)
    if old.auth.admins != new.auth.admins:
        policy.admins = frozenset(new.auth.admins)
        authentication.admission.forget_roles()
    if _allowing(old) != _allowing(new):
        policy.permissions = permissions
        parts.app.permissions.serve(parts.app.table)
    if old.rooms != new.rooms:
        parts.service.places.configure(rooms)
    if (old.auth.accounts, old.auth.cache_seconds) != (new.auth.accounts, new.auth.cache_seconds):
        authentication.logins.configure(accounts, new.auth.cache_seconds)
        authentication.server_tokens.configure(new.auth.cache_seconds)
    if old.auth.issuers != new.auth.issuers:
        authentication.issuers.configure(issuers)
    changed = _changed_accounts(old, new)
    for jid in changed:
        authentication.tokens.forget_granted(jid)
    for jid in changed | (set(old.auth.admins) - set(new.auth.admins)):
        parts.events.dismiss(jid)


def _allowing(config: Config) -> tuple[object, ...]:
    """Return the settings that permissions are made of."""
    return config.auth.admins, config.auth.domain_admins, config.api.permissions


def _changed_accounts(old: Config, new: Config) -> set[JID]:
    """Return the addresses of accounts of the gateway that are new, changed or gone."""
    before, after = ({account.jid: account for account in config.auth.accounts} for config in (old, new))
    return {jid for jid in before.keys() | after.keys() if before.get(jid) != after.get(jid)}
