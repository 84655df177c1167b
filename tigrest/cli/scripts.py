"""Check scripts and plugins, and list routes: ``tigrest check`` and ``tigrest routes``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from tigrest.auth.scopes import powerless
from tigrest.cli.configured import configured
from tigrest.cli.tables import columns
from tigrest.config import command_dirs, plugin_dirs, script_dirs
from tigrest.config.hook_config import HookConfig
from tigrest.errors import ScriptError
from tigrest.gateway.authentication import make_permissions
from tigrest.paths import shown_path
from tigrest.plugins import Plugins
from tigrest.scripting.called_handlers import called_handlers
from tigrest.scripting.commands import Command
from tigrest.scripting.hook_formats import HookFormat, read_template
from tigrest.scripting.listeners import Listener
from tigrest.scripting.loader import Loader
from tigrest.scripting.routes import Route
from tigrest.scripting.schedules import Schedule
from tigrest.scripting.table import Table


def check_scripts(path: Path | None, to_stderr: bool = False) -> int:
    """Load every plugin and script and print what is wrong, as ``file:line: message``; and what permissions name and is not there.

    Args:
        path: configuration file from ``--config``, if any.
        to_stderr: whether to print it on standard error, as something else goes to standard output.

    Returns:
        Exit code.
    """
    plugins, table = _load(path)
    problems = [*map(str, plugins.problems), *map(_line, table.problems)]
    permissions = make_permissions(configured(path))
    problems += permissions.unknown({command.name for command in table.of(Command)})
    problems += permissions.unknown_handlers(called_handlers(table.routes))
    problems += _problems_of_hooks(configured(path).hooks, table)
    for problem in problems:
        typer.echo(problem, err=to_stderr)
    if problems:
        return 1
    scripts = {part.path for part in table.parts}
    more = f", {_count(len(plugins.names), 'plugin')}" if plugins.names else ""
    if not to_stderr:
        typer.echo(f"no problems; {_counted(table)} in {_count(len(scripts), 'script')}{more}")
    return 0


def powerless_scopes(path: Path | None, scopes: Sequence[str]) -> list[str]:
    """Return what is wrong with scopes of tokens by which these could do nothing.

    Args:
        path: configuration file from ``--config``, if any.
        scopes: which.
    """
    named = make_permissions(configured(path)).scopes
    if not list(powerless(scopes, (), named)):
        return []  # without loading scripts
    commands = _load(path)[1].of(Command)
    words = {word for command in commands for word in (command.name, *command.tags)}
    return list(powerless(scopes, words, named))


def list_routes(path: Path | None, as_json: bool) -> int:
    """Print routes, scripts that listen or run by the clock, and commands.

    Name plugins and scripts that cannot be loaded on standard error.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.

    Returns:
        Exit code.
    """
    plugins, table = _load(path)
    for problem in [*map(str, plugins.problems), *map(_line, table.problems)]:
        typer.echo(f"tigrest: {problem}", err=True)
    if as_json:
        entries = [
            *map(_entry, table.routes),
            *map(_listener, table.of(Listener)),
            *map(_schedule, table.of(Schedule)),
            *map(_hook_format, table.of(HookFormat)),
            *map(_command, table.of(Command)),
        ]
        typer.echo(json.dumps(entries, indent=2))
        return 0
    rows = [
        [" ".join(route.methods), route.uri, route.role or "-", "key" if route.api_key else "-", shown_path(route.path)]
        for route in table.routes
    ]
    rows += [
        [" ".join(listener.methods), listener.shown, listener.role or "-", "-", shown_path(listener.path)]
        for listener in table.of(Listener)
    ]
    rows += [
        [" ".join(command.methods), _command_path(command), command.role or "-", "-", shown_path(command.path)]
        for command in table.of(Command)
    ]
    rows += [[" ".join(schedule.methods), _when(schedule), "-", "-", shown_path(schedule.path)] for schedule in table.of(Schedule)]
    rows += [[" ".join(each.methods), each.title, "-", "-", shown_path(each.path)] for each in table.of(HookFormat)]
    for line in columns([["METHODS", "URI", "ROLE", "KEY", "SCRIPT"], *rows]):
        typer.echo(line)
    return 0


def _problems_of_hooks(hooks: Sequence[HookConfig], table: Table) -> list[str]:
    """Return what is wrong with hooks of the configuration that only their scripts and templates tell."""
    formats = {each.format for each in table.of(HookFormat)}
    problems = [f'hook "{hook.name}": there is no format "{hook.format}"' for hook in hooks if hook.format not in formats]
    for hook in hooks:
        try:
            if hook.template is not None:
                read_template(hook.template)
        except ScriptError as error:
            problems.append(str(error))
    return problems


def _counted(table: Table) -> str:
    commands = table.of(Command)
    handlers = _count(len(table.handlers) - len(commands), "handler")
    names = {command.name for command in commands}  # one each, whatever versions there are
    return f"{handlers} and {_count(len(names), 'command')}" if names else handlers


def _load(path: Path | None) -> tuple[Plugins, Table]:
    """Load plugins, since scripts may import them, and scripts."""
    config = configured(path)
    plugins = Plugins(plugin_dirs(config))
    plugins.load()
    return plugins, Loader(script_dirs(config, create=False), command_dirs=command_dirs(config, create=False)).load()


def _entry(route: Route) -> dict[str, object]:
    return {
        "methods": route.methods,
        "uri": route.uri,
        "role": route.role,
        "api_key": route.api_key,
        "script": shown_path(route.path),
    }


def _command(command: Command) -> dict[str, object]:
    return {
        "methods": command.methods,
        "uri": _command_path(command),
        "role": command.role,
        "api_key": False,
        "script": shown_path(command.path),
        "command": command.name,
        "version": command.version,
    }


def _command_path(command: Command) -> str:
    return f"/api/{command.title}"


def _listener(listener: Listener) -> dict[str, object]:
    return {
        "methods": listener.methods,
        "uri": None,
        "stanzas": listener.shown,
        "role": listener.role,
        "api_key": False,
        "script": shown_path(listener.path),
    }


def _schedule(schedule: Schedule) -> dict[str, object]:
    return {
        "methods": schedule.methods,
        "uri": None,
        "schedule": schedule.shown,
        "next_run": schedule.next_run.isoformat(timespec="seconds") if schedule.next_run else None,
        "role": None,
        "api_key": False,
        "script": shown_path(schedule.path),
    }


def _hook_format(format: HookFormat) -> dict[str, object]:
    return {
        "methods": format.methods,
        "uri": None,
        "hook_format": format.format,
        "role": None,
        "api_key": False,
        "script": shown_path(format.path),
    }


def _when(schedule: Schedule) -> str:
    """Return when a schedule runs, and, where it is known, when next."""
    return f"{schedule.shown}, next {schedule.next_run:%Y-%m-%d %H:%M %Z}" if schedule.next_run else schedule.shown


def _line(problem: ScriptError) -> str:
    return f"{shown_path(problem.path)}:{problem.line}: {problem.message}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
