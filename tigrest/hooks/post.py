"""Posts of programs to hooks, as formats read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tigrest.errors import MalformedContent, UnexpectedPost, UnsupportedCharset
from tigrest.formats.charsets import to_utf8
from tigrest.formats.content import URLENCODED, media_type, read_json
from tigrest.formats.urlencoded import read_fields

MULTIPART = "multipart/form-data"

MAX_VALUES = 250_000
"""Most values of the JSON in a post: more of them would block the event loop, and 500 alerts have some 10,000."""


@dataclass(frozen=True)
class HookIgnored:
    """A post that means nothing to people: no message is sent.

    Args:
        reason: why, for whoever looks into the log of the sender.
    """

    reason: str


@dataclass(frozen=True)
class HookPost:
    """A post of a program to a hook.

    Args:
        hook: name of the hook.
        body: as it came.
        content_type: the header; empty where there is none.
        headers: by name in lower case.
        query: parameters of the URL, without ``token``.
        fields: of a form of type ``multipart/form-data``, without files.
    """

    hook: str
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence[tuple[str, str]] = ()

    def json(self) -> Any:
        """Return the body as JSON, whatever its ``Content-Type`` says.

        Raises:
            UnexpectedPost: it is not JSON.
        """
        if not self.body.strip():
            raise UnexpectedPost("the body is empty")
        try:
            return read_json(to_utf8(self.content_type, self.body), MAX_VALUES)
        except (MalformedContent, UnsupportedCharset) as error:
            raise UnexpectedPost(f"the body is not JSON: {error}") from None

    def object(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            UnexpectedPost: it is not one.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise UnexpectedPost("the body is JSON, but no object")
        return value

    def object_in(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a field of a form.

        Args:
            name: of the field.

        Raises:
            UnexpectedPost: the body is not a form, has no such field with JSON, or several.
        """
        written = [value for each, value in self._pairs() if each == name]
        if len(written) > 1:
            raise UnexpectedPost(f"the form has {len(written)} fields {name}; send one")
        try:
            value = read_json("".join(written).encode("utf-8", "surrogatepass"), MAX_VALUES)
        except MalformedContent as error:
            why = f": {error}" if any(written) else "; a file is none" if media_type(self.content_type) == MULTIPART else ""
            raise UnexpectedPost(f"the form has no field {name} with JSON{why}") from None
        if not isinstance(value, dict):
            raise UnexpectedPost(f"there is no object in the field {name}")
        return value

    def text(self) -> str:
        """Return the body as text in the charset that it declares, else UTF-8.

        Raises:
            UnexpectedPost: it is not text in that charset.
        """
        try:
            return to_utf8(self.content_type, self.body).decode()
        except (MalformedContent, UnsupportedCharset, UnicodeDecodeError) as error:
            raise UnexpectedPost(f"the body is not text in UTF-8: {error}") from None

    @property
    def has_form(self) -> bool:
        """Return whether the body is a form, as its ``Content-Type`` says."""
        return media_type(self.content_type) in (URLENCODED, MULTIPART)

    def form(self) -> dict[str, str]:
        """Return the fields of a form by name; of several of one name the last.

        Raises:
            UnexpectedPost: the body is not a form.
        """
        return dict(self._pairs())

    def _pairs(self) -> Sequence[tuple[str, str]]:
        """Return names and values of the fields of a form, in order.

        Raises:
            UnexpectedPost: the body is not a form.
        """
        if media_type(self.content_type) == MULTIPART:
            return self.fields
        try:
            return read_fields(self.content_type, self.body)
        except (MalformedContent, UnsupportedCharset) as error:
            raise UnexpectedPost(str(error)) from None
