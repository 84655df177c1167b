"""Manage hooks, to which other programs post: ``tigrest hook``."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from tigrest.auth.hook_store import Hook, HookStore, make_hook, new_secret
from tigrest.cli.configured import configured
from tigrest.cli.running import configured_base, is_known_room, running_base
from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.config import Config, script_dirs
from tigrest.ctl.client import run_client
from tigrest.errors import ConfigError, ScriptError
from tigrest.scripting.hook_formats import HookFormat, read_template
from tigrest.scripting.loader import Loader
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class HookOptions:
    """Options of ``tigrest hook add``.

    Args:
        format: name of the format.
        to: address of the user or room.
        is_room: whether it is a room.
        nick: nickname in the room; empty for the name of the hook.
        template: file with a template; ``None`` for that of the format.
        secret_file: file with the secret, ``-`` for standard input; ``None`` to make one.
        is_signed: whether senders sign with it, whatever the format says.
    """

    format: str
    to: str
    is_room: bool = False
    nick: str = ""
    template: Path | None = None
    secret_file: Path | None = None
    is_signed: bool = False


def add_hook(path: Path | None, name: str, options: HookOptions) -> int:
    """Make a hook, and print its secret, alone on standard output so that a script can read it.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the hook.
        options: what it is like.
    """
    config = configured(path)
    formats = {each.format: each for each in Loader(script_dirs(config, create=False)).load().of(HookFormat)}
    if options.format not in formats:
        raise ConfigError(f'--format "{options.format}" is no format; there is {", ".join(sorted(formats))}')
    try:
        to = JID(options.to)
    except ValueError as error:
        raise ConfigError(f"--to: {error}") from None
    if options.template is not None:
        try:
            read_template(options.template)
        except ScriptError as error:
            raise ConfigError(f"--template {error}") from None
    secret = new_secret() if options.secret_file is None else _read_secret(options.secret_file)
    hook = make_hook(
        name,
        options.format,
        to,
        secret,
        is_room=options.is_room,
        nick=options.nick,
        template="" if options.template is None else str(options.template.absolute()),
        signs=options.is_signed or formats[options.format].is_signed,
    )
    if not hook.is_room and to.domain != config.xmpp.domain and is_known_room(config, path, str(to)):
        raise ConfigError(f"--to {to} is the address of a room; make the hook with --room")
    with_store(path, HookStore, lambda store: store.add(hook))
    _tell(hook, config, path)
    if options.secret_file is None:
        typer.echo("Its secret, shown this once; docs/alerts.md says where each program takes it:", err=True)
        typer.echo(secret)
    return 0


def list_hooks(path: Path | None, as_json: bool) -> int:
    """Print the stored hooks, without their secrets.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.
    """
    hooks = with_store(path, HookStore, lambda store: store.list())
    if as_json:
        typer.echo(json.dumps([_entry(hook) for hook in hooks], indent=2))
        return 0
    rows = [[hook.name, hook.format, _recipient(hook), hook.last_used or "never", hook.last_outcome or "-"] for hook in hooks]
    for line in columns([["NAME", "FORMAT", "TO", "LAST USED", "OUTCOME"], *rows]):
        typer.echo(line)
    return 0


def test_hook(path: Path | None, name: str) -> int:
    """Have the running gateway send a test message to whom a hook sends.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the hook.
    """
    return run_client([*(["--config", str(path)] if path is not None else []), "test_hook", name])


def revoke_hook(path: Path | None, name: str) -> int:
    """Delete a hook; running gateways refuse it within a second.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the hook.
    """
    with_store(path, HookStore, lambda store: store.revoke(name))
    typer.echo(f"{name} is revoked")
    return 0


def _tell(hook: Hook, config: Config, path: Path | None) -> None:
    """Say where to post to a new hook, whom it sends to, and how to try it.

    Args:
        hook: the hook.
        config: the configuration.
        path: file from ``--config``, if any.
    """
    base = running_base(config, path)
    url = f"{base or configured_base(config)}/rest/hooks/{hook.name}"
    origin = "" if base else " (by [http] host and port: no gateway answers)"
    typer.echo(f"Hook {hook.name}: {url}{origin} sends to {_recipient(hook)}", err=True)
    if not hook.is_room and hook.to.domain != config.xmpp.domain:
        typer.echo(f"tigrest: {hook.to} is taken for a user of another server; for a room make the hook with --room", err=True)
    post = f"; or echo Hello | curl -H 'Authorization: Bearer SECRET' --data-binary @- {url}" if hook.format == "text" else ""
    typer.echo(f"Try it: tigrest hook test {hook.name}{post}", err=True)


def _read_secret(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read().strip()
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--secret-file {file}: {error}") from None


def _recipient(hook: Hook) -> str:
    return f"room {hook.to}" if hook.is_room else str(hook.to)


def _entry(hook: Hook) -> dict[str, object]:
    return {
        "name": hook.name,
        "format": hook.format,
        "to": str(hook.to),
        "room": hook.is_room,
        "nick": hook.nick or None,
        "template": hook.template or None,
        "signed": bool(hook.secret),
        "created": hook.created,
        "last_used": hook.last_used or None,
        "last_outcome": hook.last_outcome or None,
    }
