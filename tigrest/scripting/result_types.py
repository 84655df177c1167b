"""Types of results: what a command says that it returns, checked, described, and made plain for JSON."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

PLAIN: dict[Any, type] = {str: str, bool: bool, int: int, None: type(None)}
"""Annotations whose values are plain already, with the exact type of these."""


class UnknownResult(ValueError):
    """An annotation is of no type that results may have; the message says why."""


class InvalidOutcome(ValueError):
    """A value does not fit the type of the result; the message says where, and shows no value."""


class ResultType:
    """The type of a command's result.

    Args:
        annotation: of what the function returns; ``None`` for nothing.

    Raises:
        UnknownResult: pydantic does not know such a type.
    """

    def __init__(self, annotation: Any) -> None:
        self.annotation = None if annotation is type(None) else annotation
        self._plain = PLAIN.get(self.annotation) if isinstance(self.annotation, type) or self.annotation is None else None
        if self._plain is None:
            try:
                self._adapter  # noqa: B018 - made now, so that what is wrong with it is told when the script is loaded
            except (PydanticUserError, TypeError) as error:
                raise UnknownResult(" ".join(str(error).split())[:200]) from None

    @property
    def is_nothing(self) -> bool:
        """Return whether nothing is returned."""
        return self.annotation is None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        annotation: Any = self.annotation
        try:
            return TypeAdapter(annotation, config=ConfigDict(strict=True))
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(annotation)  # a model has a configuration of its own

    def plain(self, value: Any) -> Any:
        """Check a result, and return it as JSON has it.

        Raises:
            InvalidOutcome: it is of another type.
        """
        if type(value) is self._plain:
            return value
        try:
            return self._adapter.dump_python(self._adapter.validate_python(value), mode="json")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidOutcome(f"{where + ': ' if where else ''}{first['msg']}, and it is of type {type(value).__name__}") from None

    def plain_example(self, value: Any) -> Any:
        """Check an example of a result, which may be written as JSON has it, and return it as JSON has it.

        Raises:
            InvalidOutcome: it is no such result.
        """
        try:
            return self.plain(value)
        except InvalidOutcome as error:
            try:
                return self._adapter.dump_python(self._adapter.validate_json(json.dumps(value)), mode="json")
            except (ValidationError, TypeError):  # what it is as a value says more than what it is not in JSON
                raise error from None

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema.

        Raises:
            UnknownResult: there is none for it.
        """
        try:
            return self._adapter.json_schema(mode="serialization")
        except PydanticInvalidForJsonSchema as error:
            raise UnknownResult(str(error)) from None
