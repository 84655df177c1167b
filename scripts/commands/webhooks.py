"""Commands about webhooks, to which stanzas for the gateway are delivered: what could not be delivered, and what becomes of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from tigrest import CommandContext, InvalidValue, NotFound, Webhooks, command


@dataclass
class ListedWebhook:
    """A webhook in a list, without its secret."""

    name: str
    waiting: int
    dead: int
    delivered: int
    failed: int


@dataclass
class ListedDelivery:
    """A delivery in a list, without its stanza."""

    id: int
    webhook: str
    webhook_id: str
    sender: str
    kind: str
    state: str
    attempts: int
    created: str
    problem: str


@command(tags=("webhook",), effect="read")
async def list_webhooks(ctx: CommandContext) -> list[ListedWebhook]:
    """List the webhooks, and how many deliveries of each wait or were given up.

    Delivered and failed are requests since the start of the gateway; waiting and dead are what is stored, as of the last few seconds.

    Returns:
        The webhooks, in the order of the configuration.
    """
    found = ctx.get(Webhooks).statistics()
    return [ListedWebhook(name, each.waiting, each.dead, each.delivered, each.failed) for name, each in found.items()]


@command(
    tags=("webhook",),
    effect="read",
    example=(
        {"webhook": "orders"},
        [
            {
                "id": 12,
                "webhook": "orders",
                "webhook_id": "msg_6a1f0c9f5d0c4b0f8d2e7a13",
                "sender": "alice@example.org",
                "kind": "message",
                "state": "dead",
                "attempts": 20,
                "created": "2026-11-26T22:40:12+00:00",
                "problem": "503 Service Unavailable",
            }
        ],
    ),
)
async def list_webhook_deliveries(
    ctx: CommandContext,
    webhook: str = "",
    all: bool = False,
    after: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
) -> list[ListedDelivery]:
    """List deliveries that were given up, oldest first.

    Args:
        webhook: name of the only webhook to list; all of them by default.
        all: whether to list those that wait, too.
        after: id of the last delivery of the page before.
        limit: how many at most, up to 1000.

    Returns:
        The deliveries.
    """
    found = await ctx.get(Webhooks).deliveries(webhook, dead_only=not all, after=after, limit=limit)
    return [
        ListedDelivery(one.number, one.webhook, one.id, one.sender, one.kind, one.state, one.attempts, _time(one.created), one.problem)
        for one in found
    ]


@command(
    tags=("webhook",),
    errors=(InvalidValue, NotFound),
    example=({"ids": [12, 13]}, 2),
    result="num_deliveries",
)
async def replay_webhook_deliveries(ctx: CommandContext, ids: list[int] | None = None, webhook: str = "", all: bool = False) -> int:
    """Try deliveries again that were given up, as often as new ones.

    Each keeps its `webhook-id`, gets a new id, and comes after what its sender has waiting. Give ids, or a webhook, or all.

    Args:
        ids: of the deliveries; when one of them is not there, or not dead, nothing is done.
        webhook: name of the webhook whose dead deliveries are all tried again.
        all: whether to take those of every webhook.

    Returns:
        How many will be tried again.
    """
    return await ctx.get(Webhooks).replay(_chosen(ids, webhook, all=all), webhook)


@command(
    tags=("webhook",),
    errors=(InvalidValue, NotFound),
    example=({"webhook": "orders"}, 3),
    result="num_deliveries",
)
async def drop_webhook_deliveries(ctx: CommandContext, ids: list[int] | None = None, webhook: str = "", all: bool = False) -> int:
    """Delete deliveries: those with the ids, or all that were given up.

    What is dropped while it is under way may still arrive. Give ids, or a webhook, or all.

    Args:
        ids: of the deliveries, dead or waiting; when one of them is not there, nothing is done.
        webhook: name of the webhook whose dead deliveries are all dropped.
        all: whether to take those of every webhook.

    Returns:
        How many were dropped.
    """
    return await ctx.get(Webhooks).drop(_chosen(ids, webhook, all=all), webhook)


def _chosen(ids: list[int] | None, webhook: str, *, all: bool) -> list[int] | None:
    """Return the ids to take; ``None`` for all that were given up.

    Raises:
        InvalidValue: not exactly one of the three is given.
    """
    if bool(ids) + bool(webhook) + all != 1:
        raise InvalidValue("name the deliveries by one of ids, webhook or all; list_webhook_deliveries shows them")
    return sorted(set(ids)) if ids else None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
