"""Accounts that exist only in the gateway's configuration: for service users, and servers whose c2s port is out of reach."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from tigrest.passwords import Passwords
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class Account:
    """A gateway account.

    Args:
        jid: its bare address.
        password: in the clear; empty when there is a hash.
        password_hash: argon2id; empty when there is a password.
    """

    jid: JID
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)


class Accounts:
    """Checks passwords of the gateway's own accounts. These take precedence over the server's: their passwords are never sent there.

    Args:
        accounts: what is configured.
        passwords: verifies hashes.
    """

    def __init__(self, accounts: Iterable[Account], passwords: Passwords) -> None:
        self._accounts = {account.jid: account for account in accounts}
        self._passwords = passwords

    def has(self, jid: JID) -> bool:
        """Return whether there is a gateway account of this address."""
        return jid in self._accounts

    async def check(self, jid: JID, password: str) -> bool:
        """Return whether this is the password of a gateway account; ``False`` too where there is no account of this address."""
        account = self._accounts.get(jid)
        if account is None:
            return False
        if account.password_hash:
            return await self._passwords.verify(account.password_hash, password)
        return bool(account.password) and hmac.compare_digest(_bytes(account.password), _bytes(password))


def _bytes(password: str) -> bytes:
    """Return bytes of one length for all passwords, so that the time to compare them does not tell how long one is."""
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
