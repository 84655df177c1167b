"""Look whether owners of tokens can be users of the gateway at all."""

from __future__ import annotations

from pathlib import Path

from tigrest.cli.configured import configured
from tigrest.xmpp.jid import JID


def owner_trouble(path: Path | None, owner: JID | None) -> list[str]:
    """Return what is wrong with an owner who can be no user by the configuration, so that his tokens are for nothing.

    Whether a user of the served domain has an account is for the server to say, which may be down now.

    Args:
        path: configuration file from ``--config``, if any.
        owner: bare address; ``None`` for nobody.
    """
    config = configured(path)
    if owner is None or owner.domain == config.xmpp.domain or any(account.jid == owner for account in config.auth.accounts):
        return []
    return [f"{owner} is no user here: neither of {config.xmpp.domain}, the served domain, nor in [[auth.accounts]]"]
