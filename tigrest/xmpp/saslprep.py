"""Preparation of passwords by SASLprep, and the rules for new passwords. RFC 4013"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

from tigrest.errors import InvalidValue

MAX_PASSWORD_BYTES = 1023
"""Longest prepared password in bytes: servers prepare strings in buffers of 1024 bytes (measured: Prosody, ejabberd)."""

_FORBIDDEN: tuple[tuple[Callable[[str], bool], str], ...] = (
    (stringprep.in_table_c12, "a space that is not allowed"),
    (stringprep.in_table_c21_c22, "a control character"),
    (stringprep.in_table_c3, "a private-use character"),
    (stringprep.in_table_c4, "not a character"),
    (stringprep.in_table_c5, "half of a character (a surrogate)"),
    (stringprep.in_table_c6, "not allowed in plain text"),
    (stringprep.in_table_c7, "not allowed in plain text"),
    (stringprep.in_table_c8, "a character that changes the direction of writing"),
    (stringprep.in_table_c9, "a tagging character"),
)
"""Tables of prohibited output, with words for the error message. RFC 4013 §2.3"""


def saslprep(text: str) -> str:
    """Prepare a password, so that the same characters typed on different keyboards become the same bytes.

    Code points that are not assigned in Unicode 3.2, such as many emoji, stay as they are.

    Raises:
        InvalidValue: a character is forbidden, directions of writing are mixed, or nothing is left. The message names the code
            point, not the password.

    RFC 4013
    """
    if text.isascii() and text.isprintable() and text:
        return text
    mapped = "".join(" " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared:
        raise InvalidValue("the password is empty, or has only characters that are ignored")
    for char in prepared:
        reason = next((reason for is_in_table, reason in _FORBIDDEN if is_in_table(char)), None)
        if reason is not None:
            raise InvalidValue(f"the password has U+{ord(char):04X}, which is {reason}: no server accepts it")
    if _mixes_directions(prepared):
        raise InvalidValue("the password mixes writing from right to left with other writing (RFC 3454 §6): servers do not accept it")
    return prepared


def expect_settable(password: str) -> None:
    """Check a new password.

    Stricter than :func:`saslprep`, which has to accept existing passwords: unassigned code points are refused too, since servers with
    newer Unicode tables may prepare them differently.

    Raises:
        InvalidValue: it has a forbidden or unassigned character, mixes directions of writing, is empty or too long.

    RFC 4013, RFC 8265 §4.2
    """
    size = len(password) if len(password) > MAX_PASSWORD_BYTES else len(saslprep(password).encode())
    if size > MAX_PASSWORD_BYTES:
        raise InvalidValue(f"the password is {size} long; servers take at most {MAX_PASSWORD_BYTES} bytes")
    unknown = next((char for char in password if unicodedata.category(char) in ("Cn", "Co", "Cs", "Cc")), None)
    if unknown is not None:
        raise InvalidValue(f"the password has U+{ord(unknown):04X}, which is not an assigned character: servers do not accept it")


def _mixes_directions(text: str) -> bool:
    """Return whether a text is right-to-left in part only. RFC 3454 §6"""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    return any(map(stringprep.in_table_d2, text)) or not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1]))
