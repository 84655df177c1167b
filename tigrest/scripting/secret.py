"""Texts that nobody else may read: passwords and the like."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

MASK = "********"
"""Text in place of a secret in logs and answers; as long for all of them."""


class Secret:
    """A text that is shown nowhere by accident: ``str()``, ``repr()``, formats and JSON have ``********`` in its place.

    Give ``password.value`` to whoever needs the text. ``len()`` and truth are those of the text; two secrets with the same text are equal.

    Args:
        text: the text.
    """

    __slots__ = ("value",)

    value: str
    """The text itself."""

    def __init__(self, text: str) -> None:
        self.value = text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __len__(self) -> int:
        return len(self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        encoded = (one.value.encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(*encoded)

    def __hash__(self) -> int:
        return hash((Secret, self.value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let models have fields of this type. https://docs.pydantic.dev/latest/concepts/types/#custom-types"""
        described = WithJsonSchema({"type": "string", "format": "password", "writeOnly": True})
        return core_schema.no_info_wrap_validator_function(
            lambda value, of_text: value if isinstance(value, cls) else of_text(value),
            handler.generate_schema(Annotated[str, AfterValidator(cls), described]),
            serialization=core_schema.to_string_ser_schema(),
        )
