"""The table ``[[hooks]]``: hooks of the configuration."""

from __future__ import annotations

from pydantic import SecretStr, model_validator

from tigrest.auth.hook_store import Hook, make_hook
from tigrest.config.fields import File, KeyProblem, NonEmptyText, User
from tigrest.config.section import Section
from tigrest.errors import InvalidValue


class HookConfig(Section):
    """``[[hooks]]``: what a program posts, and who gets the messages."""

    name: NonEmptyText
    format: NonEmptyText
    to: User
    room: bool = False
    nick: str = ""
    secret: SecretStr | None = None
    secret_file: File | None = None
    template: File | None = None

    @property
    def hook(self) -> Hook:
        """Return it as a hook. Its secret may sign: it stands in the configuration as it is.

        Raises:
            InvalidValue: one of its values cannot be used.
        """
        secret = self.secret.get_secret_value() if self.secret is not None else ""
        template = "" if self.template is None else str(self.template)
        return make_hook(self.name, self.format, self.to, secret, is_room=self.room, nick=self.nick, template=template, signs=True)

    @model_validator(mode="after")
    def _check(self) -> HookConfig:
        if self.secret is None:
            raise KeyProblem("secret", "is missing: give secret or secret_file")
        try:
            _ = self.hook
        except InvalidValue as error:
            raise KeyProblem("name", f"cannot be a hook: {error}") from None
        return self
