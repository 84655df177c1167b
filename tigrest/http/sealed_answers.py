"""Encrypt the answers that repeats of a request get, so that the database alone does not give them away.

An answer may have a secret in it: a token or a new password in the reply to an ad-hoc command, or what somebody has written. The key is
made of the ``Idempotency-Key``, of which the database has a hash alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tigrest.state.idempotency import StoredAnswer

NONCE_BYTES = 12
"""Length of the random number in front of what is encrypted. NIST SP 800-38D §8.2.2"""


class AnswerSeal:
    """Encrypts and decrypts the answer of one request with AES-GCM.

    Args:
        named: caller, method, path and key of the request, as its claim has them.
    """

    def __init__(self, named: Sequence[str]) -> None:
        self._key = hashlib.sha256(json.dumps(["answer", *named]).encode()).digest()

    def seal(self, answer: StoredAnswer) -> StoredAnswer:
        """Return an answer with its body encrypted."""
        if not answer.body:
            return answer
        nonce = os.urandom(NONCE_BYTES)
        return replace(answer, body=nonce + AESGCM(self._key).encrypt(nonce, answer.body, None))

    def open(self, stored: StoredAnswer) -> StoredAnswer:
        """Return an answer with its body decrypted."""
        if not stored.body:
            return stored
        nonce, sealed = stored.body[:NONCE_BYTES], stored.body[NONCE_BYTES:]
        return replace(stored, body=AESGCM(self._key).decrypt(nonce, sealed, None))
