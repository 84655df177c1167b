"""Password hashes: argon2id, computed off the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from argon2 import DEFAULT_MEMORY_COST, DEFAULT_PARALLELISM, DEFAULT_TIME_COST
from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Hashes and verifies passwords with argon2id (RFC 9106).

    Args:
        time_cost: passes over the memory; the library's recommendation by default, as for the others.
        memory_cost: KiB used by one hash.
        parallelism: lanes of one hash.
    """

    def __init__(
        self,
        time_cost: int = DEFAULT_TIME_COST,
        memory_cost: int = DEFAULT_MEMORY_COST,
        parallelism: int = DEFAULT_PARALLELISM,
    ) -> None:
        self._argon2 = Argon2(time_cost, memory_cost, parallelism)
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """Hash a password; the result is an encoded ``$argon2id$…`` text."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.hash_now, password)

    def hash_now(self, password: str) -> str:
        """Hash as :meth:`hash` does, but blocking; for the command line."""
        return self._argon2.hash(password.encode("utf-8", "surrogatepass"))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether a password is the one that was hashed.

        Args:
            password_hash: the encoded hash; ``None`` when there is no such account, which takes as long as a wrong password.
            password: what the caller claims.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._verify_now, password_hash, password)

    def _verify_now(self, password_hash: str | None, password: str) -> bool:
        if password_hash is None:
            self._decoy = self._decoy or self.hash_now("decoy")
        try:
            verified = self._argon2.verify(password_hash or self._decoy, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
        return verified and password_hash is not None

    def is_hash(self, text: str) -> bool:
        """Return whether a text is a hash as :meth:`hash_now` makes it: argon2id, encoded with its parameters. No password is checked."""
        if not text.startswith("$argon2id$"):
            return False
        try:
            self._argon2.check_needs_rehash(text)
        except InvalidHashError:
            return False
        return True

    def close(self) -> None:
        """End the worker threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
