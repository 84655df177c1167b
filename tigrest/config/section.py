"""A table of the configuration, as each of them is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from tigrest.config.fields import KeyProblem


class Section(BaseModel):
    """A table of the configuration: frozen, no unknown keys, no silent conversions.

    Where a key ``x`` has a sibling ``x_file``, the file's content becomes the value of ``x``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        read: dict[str, str] = {}
        for key in cls.model_fields:
            plain = key.removesuffix("_file")
            if plain != key and isinstance(values.get(key), str):
                if values.get(plain):
                    raise KeyProblem(key, f"cannot stand together with {plain}; keep one of the two")
                read[plain] = _secret_in(key, Path(values[key]))
        return {**values, **read}


def _secret_in(key: str, path: Path) -> str:
    try:
        secret = path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise KeyProblem(key, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyProblem(key, f"{path} is not text in UTF-8") from None
    if not secret:
        raise KeyProblem(key, f"{path} is empty")
    return secret
