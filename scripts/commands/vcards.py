"""Commands about the vCards of users (XEP-0054), by ejabberd's names."""

from tigrest import CommandContext, NoSuchUser, NotFound, NotSupported, command

from ._admin import account_of
from ._needs import privilege
from ._vcards import VCARD, expect_value, read, value_of, write

USER = {"user": "bob", "host": "example.org"}


@command(
    tags=("vcard",),
    effect="read",
    errors=(NoSuchUser, NotFound),
    result="content",
    example=({**USER, "name": "NICKNAME"}, "Bob"),
)
async def get_vcard(ctx: CommandContext, user: str, host: str, name: str) -> str:
    """Get content from a vCard field.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        name: of the field: `FN`, `NICKNAME`, `BDAY`, `TITLE`, `ROLE`, …

    Returns:
        The content.
    """
    account = account_of(ctx, user, host)
    return expect_value(value_of(await read(ctx.gateway, account), name), account, name)


@command(
    tags=("vcard",),
    effect="read",
    errors=(NoSuchUser, NotFound),
    result="content",
    example=({**USER, "name": "N", "subname": "FAMILY"}, "Schubert"),
)
async def get_vcard2(ctx: CommandContext, user: str, host: str, name: str, subname: str) -> str:
    """Get content from a vCard subfield.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        name: of the field: `N`, `ADR`, `TEL`, `EMAIL`, `ORG`, …
        subname: of the subfield: `FAMILY`, `GIVEN`, `CTRY`, `LOCALITY`, `HOME`, `USERID`, `ORGNAME`, …

    Returns:
        The content.
    """
    account = account_of(ctx, user, host)
    return expect_value(value_of(await read(ctx.gateway, account), name, subname), account, name, subname)


@command(
    tags=("vcard",),
    errors=(NoSuchUser, NotSupported),
    needs=(privilege(VCARD, "set"),),
    example={**USER, "name": "URL", "content": "www.example.com"},
)
async def set_vcard(ctx: CommandContext, user: str, host: str, name: str, content: str) -> None:
    """Set content in a vCard field.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        name: of the field: `FN`, `NICKNAME`, `BDAY`, `TITLE`, `ROLE`, …
        content: of the field; empty to take it out.
    """
    await write(ctx.gateway, account_of(ctx, user, host), content, name)


@command(
    tags=("vcard",),
    errors=(NoSuchUser, NotSupported),
    needs=(privilege(VCARD, "set"),),
    example={**USER, "name": "N", "subname": "FAMILY", "content": "Schubert"},
)
async def set_vcard2(ctx: CommandContext, user: str, host: str, name: str, subname: str, content: str) -> None:
    """Set content in a vCard subfield.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        name: of the field: `N`, `ADR`, `TEL`, `EMAIL`, `ORG`, …
        subname: of the subfield: `FAMILY`, `GIVEN`, `CTRY`, `LOCALITY`, `NUMBER`, `USERID`, `ORGNAME`, …
        content: of the subfield; empty to take it out.
    """
    await write(ctx.gateway, account_of(ctx, user, host), content, name, subname)


@command(
    tags=("vcard",),
    errors=(NoSuchUser, NotSupported),
    needs=(privilege(VCARD, "set"),),
    example={**USER, "nickname": "Bob"},
)
async def set_nickname(ctx: CommandContext, user: str, host: str, nickname: str) -> None:
    """Set the nickname in a user's vCard.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        nickname: the new one; empty to take it out.
    """
    await write(ctx.gateway, account_of(ctx, user, host), nickname, "NICKNAME")
