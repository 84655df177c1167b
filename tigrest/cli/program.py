"""Define the commands of ``tigrest``, and turn what they return or raise into an exit code.

Commands import what they run only when they run, so that ``tigrest --help`` is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from tigrest.cli.client_program import client
from tigrest.cli.options import ConfigOption, ExpiresOption, JsonOption
from tigrest.errors import ConfigError, DatabaseUnreachable, NotConnected, TigrestError
from tigrest.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_XMPP = 3
EXIT_INTERRUPTED = 130

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_CommandError: type[Exception] = typer.BadParameter.__mro__[2]
"""click's ``UsageError`` and ``ClickException``, of which newer versions of typer have their own copy."""


class Level(StrEnum):
    """Log levels that ``--log-level`` takes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app = typer.Typer(
    name="tigrest",
    help="The scriptable REST gateway for XMPP servers.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
api_key = typer.Typer(help="Manage API keys.", rich_markup_mode=None)
app.add_typer(api_key, name="api-key")
token = typer.Typer(help="Manage tokens, which stand for their owners.", rich_markup_mode=None)
app.add_typer(token, name="token")
app.add_typer(client, name="client")
hook = typer.Typer(help="Manage hooks, to which other programs post.", rich_markup_mode=None)
app.add_typer(hook, name="hook")
webhooks = typer.Typer(help="See and mend what is delivered to webhooks.", rich_markup_mode=None)
app.add_typer(webhooks, name="webhooks")


def run_program() -> int:
    """Run the command that the arguments of the process name, and report what is wrong with it in one line.

    Returns:
        The exit code: 0 ok, 1 failed, 2 usage or bad configuration, 3 no XMPP server or database.
    """
    try:
        outcome = app(standalone_mode=False, prog_name="tigrest")
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except ConfigError as error:
        _complain(*error.problems)
        return EXIT_USAGE
    except (NotConnected, DatabaseUnreachable) as error:
        _complain(str(error))
        return EXIT_NO_XMPP
    except TigrestError as error:
        _complain(str(error))
        return EXIT_FAILED
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 – else the flush at exit would fail once more
        return EXIT_FAILED
    except _CommandError as error:
        _complain(_message(error))
        return EXIT_USAGE
    except Exception:
        import logging

        logging.getLogger(__name__).exception("this should not have happened")
        return EXIT_FAILED


def _message(error: BaseException) -> str:
    """Return the message of an error of typer, in one line that ends with where to find help."""
    context = getattr(error, "ctx", None)
    words = " ".join(error.format_message().split()).rstrip(".") if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None and isinstance(error, _UsageError) else "tigrest"
    return f"{words}; see {path} --help"


def _complain(*problems: str) -> None:
    for problem in problems:
        print(f"tigrest: {problem}", file=sys.stderr)  # noqa: T201


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tigrest {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def tigrest(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")] = False,
) -> None:
    """The scriptable REST gateway for XMPP servers."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on; instead of http.host.")] = None,  # noqa: UP045
    port: Annotated[Optional[int], typer.Option(min=0, max=65535, help="Port; 0 for a free one; instead of http.port.")] = None,  # noqa: UP045
    reload: Annotated[Optional[bool], typer.Option("--reload/--no-reload", help="Whether to load scripts again when saved.")] = None,  # noqa: UP045
    access_log: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--access-log/--no-access-log", help="Whether to log every request; by default only to a terminal."),
    ] = None,
    log_level: Annotated[Level, typer.Option(help="How much to log, to standard error.")] = Level.INFO,
) -> int:
    """Run the gateway."""
    # They would kill us. SIGHUP stays pending until there is a handler, SIGUSR1 is waited for; all threads inherit that.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGUSR1})
    from tigrest.cli.serving import serve_forever
    from tigrest.observability import logs

    logs.configure(log_level.value, sys.stderr.isatty() if access_log is None else access_log)
    return serve_forever(config, host, port, reload)


@app.command()
def check(
    config: ConfigOption = None,
    live: Annotated[bool, typer.Option("--live", help="Connect too; refused while a gateway runs with this configuration.")] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="With --live, connect nevertheless: the gateway loses its link, or some answers, meanwhile.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --live, print what was found as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --live, log what happens, and tracebacks.")] = False,
) -> int:
    """Check configuration and scripts, and with --live what the XMPP server does: by trying it, with an account made for that.

    Prints problems as file:line: message. Exit code: 0 fine, 1 something is not, 2 the configuration is not, 3 no XMPP server or database.
    """
    from tigrest.cli.scripts import check_scripts
    from tigrest.observability import logs

    code = check_scripts(config, to_stderr=as_json)
    if not live:
        return code
    from tigrest.cli.diagnostics import print_diagnostics

    logs.configure("info" if verbose else "critical", False)
    try:
        return max(code, print_diagnostics(config, as_json, beside))
    except TigrestError:
        raise
    except Exception as error:
        import logging

        logging.getLogger(__name__).info("the check failed unexpectedly", exc_info=True)  # shown by --verbose
        _complain(f"the check failed unexpectedly: {type(error).__name__}: {error}; --verbose prints the traceback")
        return EXIT_FAILED


@app.command()
def routes(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List the routes being served, and the scripts that listen."""
    from tigrest.cli.scripts import list_routes

    return list_routes(config, as_json)


@app.command("ctl", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ctl(
    words: Annotated[Optional[list[str]], typer.Argument(metavar="COMMAND...", help="Command and its arguments; help lists them.")] = None,  # noqa: UP045
    version: Annotated[Optional[str], typer.Option(metavar="N", help="Version of the API; the latest by default.")] = None,  # noqa: UP045
    as_json: JsonOption = False,
    socket: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PATH", help="Socket of the gateway; else $TIGREST_CTL_SOCKET, [ctl] socket."),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Run a command of the running gateway."""
    # Only for --help, and the tests of the documentation: the program runs the client without typer, which takes longer to import.
    from tigrest.ctl.client import run_client

    return run_client(sys.argv[2:])


@app.command("hash-password")
def hash_password() -> int:
    """Print the hash of a password.

    It goes to password_hash in [[auth.accounts]]. Asks for the password twice, or reads it from standard input.
    """
    from tigrest.cli.passwords import print_hash

    return print_hash()


@app.command()
def new(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Where it is served below /rest, e.g. orders/list.")],
    command: Annotated[bool, typer.Option("--command", help="A command instead, below /api; PATH ends with its name.")] = False,
    config: ConfigOption = None,
) -> int:
    """Write a handler or a command, and its test."""
    from tigrest.cli.new import write_command, write_handler

    return write_command(path, config) if command else write_handler(path, config)


@api_key.command("add")
def api_key_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    path: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="REGEX", help="Paths it is valid for, matched in full, e.g. /rest/stream.*; repeatable; default all."),
    ] = None,
    domain: Annotated[Optional[list[str]], typer.Option(metavar="D", help="Host names it is valid for; repeatable; default all.")] = None,  # noqa: UP045
    expires: ExpiresOption = None,
    config: ConfigOption = None,
) -> int:
    """Make a new API key and print it, this once."""
    from tigrest.cli.api_keys import add_key

    return add_key(config, name, path or [], domain or [], expires)


@api_key.command("list")
def api_key_list(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List API keys: names, limits and last use, never the keys."""
    from tigrest.cli.api_keys import list_keys

    return list_keys(config, as_json)


@api_key.command("revoke")
def api_key_revoke(name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")], config: ConfigOption = None) -> int:
    """Make an API key invalid from now on."""
    from tigrest.cli.api_keys import revoke_key

    return revoke_key(config, name)


@token.command("add")
def token_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    owner: Annotated[str, typer.Option("--for", metavar="JID", help="User that it stands for.")],
    scope: Annotated[
        list[str], typer.Option(metavar="SCOPE", help="What it is for: admin, user, rest, a tag or the name of a command; repeatable.")
    ],
    expires: ExpiresOption = None,
    config: ConfigOption = None,
) -> int:
    """Make a new token and print it, this once."""
    from tigrest.cli.tokens import add_token

    return add_token(config, name, owner, scope, expires)


@token.command("list")
def token_list(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List tokens: names, limits and last use, never the tokens."""
    from tigrest.cli.tokens import list_tokens

    return list_tokens(config, as_json)


@token.command("revoke")
def token_revoke(name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")], config: ConfigOption = None) -> int:
    """Make a token invalid from now on."""
    from tigrest.cli.tokens import revoke_token

    return revoke_token(config, name)


@hook.command("add")
def hook_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it: the last part of its URL.")],
    format: Annotated[str, typer.Option(metavar="FORMAT", help="What is posted: alertmanager, github, json, text, ...")],
    to: Annotated[str, typer.Option(metavar="JID", help="User, or with --room the room, that gets the messages.")],
    room: Annotated[bool, typer.Option("--room", help="JID is a room.")] = False,
    nick: Annotated[str, typer.Option(metavar="NICK", help="Nickname in the room; default the name of the hook.")] = "",
    template: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Jinja2 template of the text; default that of the format."),
    ] = None,
    secret_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Secret that senders have to know, - for standard input; default a new one, printed this once."),
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Senders sign with the secret, whatever the format: keep it, not its hash.")
    ] = False,
    config: ConfigOption = None,
) -> int:
    """Make a hook, and print its secret, this once."""
    from tigrest.cli.hooks import HookOptions, add_hook

    return add_hook(config, name, HookOptions(format, to, room, nick, template, secret_file, signed))


@hook.command("list")
def hook_list(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List stored hooks: where they lead, last use and its outcome, never the secrets."""
    from tigrest.cli.hooks import list_hooks

    return list_hooks(config, as_json)


@hook.command("test")
def hook_test(name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")], config: ConfigOption = None) -> int:
    """Have the running gateway send a test message to whom a hook sends."""
    from tigrest.cli.hooks import test_hook

    return test_hook(config, name)


@hook.command("revoke")
def hook_revoke(name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")], config: ConfigOption = None) -> int:
    """Make a hook invalid from now on."""
    from tigrest.cli.hooks import revoke_hook

    return revoke_hook(config, name)


Numbers = Annotated[Optional[list[int]], typer.Argument(metavar="[ID]...", help="Which, as listed.")]  # noqa: UP045


@webhooks.command("list")
def webhooks_list(
    dead: Annotated[bool, typer.Option("--dead", help="Only what has been given up.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="More than the first 100 too.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """List deliveries that wait or have been given up, without what is delivered."""
    from tigrest.cli.webhooks import list_deliveries

    return list_deliveries(config, dead, everything, as_json)


@webhooks.command("replay")
def webhooks_replay(
    numbers: Numbers = None,
    everything: Annotated[bool, typer.Option("--all", help="All that have been given up.")] = False,
    config: ConfigOption = None,
) -> int:
    """Try deliveries again that have been given up; they go to the end of the queue."""
    from tigrest.cli.webhooks import replay_deliveries

    return replay_deliveries(config, numbers or [], everything)


@webhooks.command("drop")
def webhooks_drop(
    numbers: Numbers = None,
    everything: Annotated[bool, typer.Option("--all", help="All that have been given up.")] = False,
    config: ConfigOption = None,
) -> int:
    """Delete deliveries."""
    from tigrest.cli.webhooks import drop_deliveries

    return drop_deliveries(config, numbers or [], everything)
