"""Deliveries of webhooks on PostgreSQL: as on SQLite."""

from __future__ import annotations

from tests.inbound.webhooks.conftest import receiver, world  # noqa: F401 – fixtures
from tests.inbound.webhooks.receiver import Response
from tests.inbound.webhooks.test_delivery import (  # noqa: F401 – collected here
    test_a_delivery_is_dead_after_the_last_attempt,
    test_a_message_is_delivered_and_forgotten,
    test_a_reply_waits_for_the_link_even_through_a_restart,
    test_a_store_that_fails_for_a_while_loses_nothing,
    test_attempts_are_counted_across_restarts,
    test_every_webhook_that_selects_has_its_own_delivery,
    test_more_senders_than_are_kept_in_memory,
    test_nothing_is_lost_when_the_receiver_is_killed,
    test_order_is_kept_for_each_sender_while_many_are_served_at_once,
    test_what_is_stored_is_delivered_after_a_restart,
    test_what_is_under_way_at_the_end_is_delivered_again,
)
from tests.inbound.webhooks.world import World, message
from tests.waiting import until
from tigrest.inbound.webhooks.store import DeliveryState, Store
from tigrest.state.database import Database


async def test_what_is_replayed_comes_last_and_in_order(world: World) -> None:  # noqa: F811 – the fixture
    target = world.target(max_attempts=1)
    world.receiver.response = Response(500)
    async with world.webhooks(target) as webhooks:
        for number in range(5):
            webhooks.offer(message(str(number), sender=f"user{number % 2}@example.org"))
        await until(lambda: webhooks.statistics()["hook"].dead == 5)
    database = Database(world.location)
    store = Store(database)
    await store.start()
    assert await store.replay(None) == 5
    assert [one.state for one in await store.list()] == [DeliveryState.REPLAYED] * 5
    await database.stop()
    world.receiver.response, world.receiver.requests = Response(204), []
    async with world.webhooks(target) as webhooks:
        webhooks.offer(message("new", sender="user1@example.org"))
        await until(lambda: len(world.receiver.requests) == 6)
    assert [text for text in world.receiver.texts if text in "024"] == ["0", "2", "4"]
    assert [text for text in world.receiver.texts if text not in "024"] in (["1", "3", "new"], ["new", "1", "3"])
    assert await world.stored() == []
