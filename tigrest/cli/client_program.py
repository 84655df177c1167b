"""Define the commands of ``tigrest client``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from tigrest.cli.options import ConfigOption, JsonOption

client = typer.Typer(help="Manage clients, which get tokens by OAuth 2.0.", rich_markup_mode=None)


@client.command("add")
def client_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it; users read it on the page.")],
    owner: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--for", metavar="JID", help="User that it stands for by itself (grant client_credentials); needs --scope."),
    ] = None,
    scope: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="SCOPE", help="What it may ask for: admin, user, rest, a tag or the name of a command; repeatable."),
    ] = None,
    redirect_uri: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="URI", help="Where users are sent back to (grant authorization_code); repeatable."),
    ] = None,
    device: Annotated[bool, typer.Option("--device", help="It shows its users a code (grant device_code).")] = False,
    public: Annotated[bool, typer.Option("--public", help="It runs at its users', and has no secret.")] = False,
    config: ConfigOption = None,
) -> int:
    """Make a new client, and print its identifier and its secret, this once."""
    from tigrest.cli.clients import ClientOptions, add_client

    options = ClientOptions(owner, tuple(scope or ()), tuple(redirect_uri or ()), device, public)
    return add_client(config, name, options)


@client.command("list")
def client_list(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List clients, those that have registered among them: grants, scopes and first use, never secrets."""
    from tigrest.cli.clients import list_clients

    return list_clients(config, as_json)


@client.command("revoke")
def client_revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called, or its identifier.")], config: ConfigOption = None
) -> int:
    """Make a client invalid from now on, and all tokens that it has got."""
    from tigrest.cli.clients import revoke_client

    return revoke_client(config, name)
