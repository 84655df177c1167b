"""The asking side of ad-hoc commands, against a responder that answers what a test says."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.backends.responder import DONE, NEXT, WHO, Peer, asking, stage
from tigrest.backends.adhoc import AdHoc, FieldValues
from tigrest.backends.component.users import CommandUsers
from tigrest.backends.open_stages import CommandLimits, OpenStages
from tigrest.concurrency.caller import waiting, while_there
from tigrest.errors import CallerGone, InvalidValue, NotSupported, ServerFailed, StanzaError, StanzaTimeout
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DATA_FORMS
from tigrest.xmpp.stanza import Stanza

PEER = JID("peer.example.org")
NODE = "configure"


async def execute(peer: Peer, fields: FieldValues | None = None, *, sessionid: str = "", action: str = "") -> CommandReply:
    return await AdHoc(peer).execute(PEER, NODE, fields, sessionid=sessionid, action=action)


async def settled(peer: Peer) -> list[str]:
    """Ids of the sessions that were cancelled, once that is done."""
    for _ in range(5):
        await asyncio.sleep(0)
    return peer.cancelled


async def test_one_field_leaves_the_others_as_they_are() -> None:
    peer = Peer(stage(WHO), DONE)
    reply = await execute(peer, {"nick": "juliet"})
    assert peer.submitted == [("", None), ("complete", {"nick": ["juliet"], "secret": ["pw"]})]
    assert peer.requests[1].get("sessionid") == "s1"
    assert (reply.status, reply.unused) == ("completed", ())
    assert await settled(peer) == []


@pytest.mark.parametrize(
    ("node", "fields", "sessionid", "culprit"),
    [
        ("a\0", {}, "", "node: XML cannot carry the character U\\+0000, at 1; leave it out"),
        (NODE, {}, "\x1f", "sessionid: XML cannot carry"),
        (NODE, {"secret": "p\x01w"}, "", "field 'secret': XML cannot carry the character U\\+0001"),
        (NODE, {"secret": ["a", "\ud800"]}, "s1", "field 'secret': XML cannot carry the character U\\+D800"),
        (NODE, {"\ufffe": None}, "", "XML cannot carry the character U\\+FFFE"),
    ],
)
async def test_text_that_would_arrive_as_another_is_refused(node: str, fields: FieldValues, sessionid: str, culprit: str) -> None:
    peer = Peer()
    with pytest.raises(InvalidValue, match=culprit):
        await AdHoc(peer).execute(PEER, node, fields, sessionid=sessionid)
    assert peer.requests == []


async def test_numbers_and_booleans_are_spelled_as_forms_do() -> None:
    peer = Peer(stage(WHO + '<field var="rooms" type="text-multi"/>'), DONE)
    await execute(peer, {"nick": 25, "secret": True, "rooms": (1, "b")})
    assert peer.submitted[1] == ("complete", {"nick": ["25"], "secret": ["true"], "rooms": ["1", "b"]})


@pytest.mark.parametrize("value", [b"x", {"a": "b"}, [b"x"], [["x"]], object()])
async def test_values_that_no_form_can_have_are_named(value: Any) -> None:
    with pytest.raises(TypeError, match="the value of field 'nick' is of type .*: give text"):
        await execute(Peer(), {"nick": value})


async def test_without_fields_the_form_comes_back() -> None:
    peer = Peer(stage(WHO))
    reply = await execute(peer)
    assert (reply.is_executing, reply.sessionid, len(peer.requests)) == (True, "s1", 1)
    assert await settled(peer) == []


@pytest.mark.parametrize(
    ("actions", "taken"),
    [
        ("", "complete"),
        ("<actions/>", "execute"),
        ("<actions><next/><complete/></actions>", "next"),
        ('<actions execute="complete"><next/><complete/></actions>', "complete"),
        ('<actions execute="next"><next/><complete/></actions>', "next"),
    ],
)
async def test_the_next_step_is_what_the_stage_says(actions: str, taken: str) -> None:
    peer = Peer(stage(WHO, actions), DONE)
    await execute(peer, {"nick": "x"})
    assert peer.submitted[1][0] == taken


async def test_further_stages_are_passed_while_they_ask_for_given_fields_only() -> None:
    summary = stage('<field type="fixed"><value>Sure?</value></field><field var="h" type="hidden"><value>1</value></field>')
    peer = Peer(stage(WHO, NEXT), stage(asking("b"), NEXT, "s2"), summary, DONE)
    reply = await execute(peer, {"nick": "x", "b": "y"})
    assert peer.submitted[1:] == [("next", {"nick": ["x"], "secret": ["pw"]}), ("next", {"b": ["y"]}), ("complete", {"h": ["1"]})]
    assert [request.get("sessionid") for request in peer.requests] == [None, "s1", "s2", "s1"]
    assert (reply.status, reply.unused) == ("completed", ())


async def test_a_stage_that_asks_for_more_comes_back_and_tells_what_was_not_used() -> None:
    peer = Peer(stage(WHO, NEXT), stage(asking("b") + '<field var="c"><value>default</value></field>', NEXT))
    reply = await execute(peer, {"nick": "x", "b": "y", "later": "z"})
    assert (reply.is_executing, reply.sessionid, reply.unused) == (True, "s1", ("b", "later"))
    assert await settled(peer) == []


@pytest.mark.parametrize(
    "again", [stage(WHO), stage(WHO, more='<note type="error">No</note>'), stage("", more='<note type="error">No</note>')]
)
async def test_a_stage_that_comes_again_is_for_the_caller(again: str) -> None:
    reply = await execute(Peer(stage(WHO), again), {"nick": "x", "secret": "y"})
    assert reply.is_executing


async def test_an_unknown_field_is_told_before_anything_is_done() -> None:
    peer = Peer(stage(WHO + '<field var="f" type="fixed"/>'))
    with pytest.raises(InvalidValue, match=r"no field 'nikc'; it has 'nick', 'secret'$"):
        await execute(peer, {"nikc": "x"})
    assert len(peer.requests) == 1
    assert await settled(peer) == ["s1"]


async def test_a_field_that_a_later_page_may_ask_for_is_refused_where_the_command_would_complete() -> None:
    peer = Peer(stage(WHO, NEXT), stage(asking("b")))
    with pytest.raises(InvalidValue, match="no field 'c'; it has 'nick', 'secret', 'b'"):
        await execute(peer, {"nick": "a", "b": "x", "c": "y"})
    assert await settled(peer) == ["s1"]


async def test_a_page_that_asks_for_nothing_that_is_given_comes_back_untouched() -> None:
    peer = Peer(stage(WHO, NEXT))
    reply = await execute(peer, {"nikc": "x"})
    assert (len(peer.requests), reply.is_executing, reply.unused) == (1, True, ("nikc",))
    assert await settled(peer) == []
    peer = Peer(stage(WHO, NEXT), stage(asking("b"), NEXT), DONE)
    assert (await execute(peer, {"b": "x"}, action="next")).status == "completed", "the caller wants the next one"


async def test_fields_that_nobody_asked_for_are_told_where_the_command_is_done_already() -> None:
    assert (await execute(Peer(DONE), {"a": "x"})).unused == ("a",)
    assert (await execute(Peer(stage(WHO, NEXT), DONE), {"nick": "x", "a": "y"})).unused == ("a",)


async def test_unknown_fields_may_be_left_out() -> None:
    peer = Peer(stage(WHO), DONE)
    assert (await AdHoc(peer).execute(PEER, NODE, {"nick": "x", "a": "y"}, ignore_unknown=True)).unused == ("a",)


async def test_a_required_field_is_missed_before_anything_is_sent() -> None:
    peer = Peer(stage(WHO + asking("must", required=True)))
    with pytest.raises(InvalidValue, match="'must'"):
        await execute(peer, {"nick": "x"})
    assert await settled(peer) == ["s1"]


async def test_complete_without_fields_executes_with_what_the_form_has() -> None:
    peer = Peer(stage(WHO), DONE)
    assert (await execute(peer, action="complete")).status == "completed"
    assert peer.submitted[1] == ("complete", {"nick": ["romeo"], "secret": ["pw"]})


async def test_what_a_stage_does_not_offer_is_refused() -> None:
    peer = Peer(stage(WHO, NEXT))
    with pytest.raises(InvalidValue, match="does not offer the action 'complete'; it offers 'next'"):
        await execute(peer, {"nick": "x"}, action="complete")
    assert await settled(peer) == ["s1"]


async def test_a_session_goes_on_with_the_form_that_was_given_back() -> None:
    peer = Peer(stage(WHO), DONE)
    adhoc = AdHoc(peer)
    first = await adhoc.execute(PEER, NODE)
    with pytest.raises(InvalidValue, match="no field 'nikc'"):
        await adhoc.execute(PEER, NODE, {"nikc": "x"}, sessionid=first.sessionid)
    with pytest.raises(InvalidValue, match="offers 'complete'"):
        await adhoc.execute(PEER, NODE, {"nick": "x"}, sessionid=first.sessionid, action="prev")
    assert await settled(peer) == [], "the caller may correct it"
    await adhoc.execute(PEER, NODE, {"nick": "a"}, sessionid=first.sessionid)
    assert peer.submitted[1] == ("complete", {"nick": ["a"], "secret": ["pw"]})


async def test_stages_by_hand_are_shown_even_if_they_ask_for_nothing() -> None:
    summary = stage('<field type="fixed"><value>Sure?</value></field>')
    adhoc = AdHoc(Peer(stage(WHO, NEXT), summary, DONE))
    first = await adhoc.execute(PEER, NODE)
    second = await adhoc.execute(PEER, NODE, {"nick": "x"}, sessionid=first.sessionid)
    assert second.is_executing
    assert (await adhoc.execute(PEER, NODE, sessionid=second.sessionid)).status == "completed"
    peer = Peer(stage(WHO, NEXT), summary)
    assert (await execute(peer, {"nick": "x"}, action="next")).is_executing


async def test_going_back_and_cancelling_need_no_form() -> None:
    both = '<actions execute="next"><prev/><next/></actions>'
    peer = Peer(stage(asking("b"), both), stage(WHO, NEXT))
    adhoc = AdHoc(peer)
    first = await adhoc.execute(PEER, NODE)
    back = await adhoc.execute(PEER, NODE, sessionid=first.sessionid, action="prev")
    assert (peer.submitted[1], back.is_executing) == (("prev", None), True)
    assert (await adhoc.execute(PEER, NODE, sessionid=first.sessionid, action="cancel")).status == "canceled"


async def test_a_session_that_is_not_remembered_goes_on_with_what_is_given() -> None:
    peer = Peer(DONE)
    await execute(peer, {"a": "1\n2"}, sessionid="unknown")
    assert peer.submitted == [("", {"a": ["1", "2"]})]


async def test_a_session_is_its_callers() -> None:
    stages = OpenStages()
    peer = Peer(stage(WHO), DONE)
    first = await AdHoc(peer, stages, "alice@example.org").execute(PEER, NODE)
    await AdHoc(peer, stages, "bob@example.org").execute(PEER, NODE, {"x": "y"}, sessionid=first.sessionid)
    assert peer.submitted[1] == ("", {"x": ["y"]}), "nothing of the form of another"


async def test_only_some_stages_are_remembered() -> None:
    stages = OpenStages(CommandLimits(remembered=2, size=1000))
    adhoc = AdHoc(Peer(*[stage(WHO, sessionid=name) for name in "abc"], stage(asking("x" * 1000), sessionid="d")), stages)
    for _ in range(4):
        await adhoc.execute(PEER, NODE)
    assert len(stages) == 2


async def test_stages_that_are_remembered_take_the_room_of_their_bytes() -> None:
    stages, form = OpenStages(), "<field/>" * 7000
    adhoc = AdHoc(Peer(*[stage(form, sessionid=f"s{number}") for number in range(6)]), stages)
    await adhoc.execute(PEER, NODE)
    tracemalloc.start()
    try:
        for _ in range(5):
            await adhoc.execute(PEER, NODE)
        assert tracemalloc.get_traced_memory()[0] < 2 * 5 * len(form)
    finally:
        tracemalloc.stop()
    assert len(stages) == 6


async def test_a_call_that_waits_keeps_none_of_the_forms_that_it_has_passed() -> None:
    form, asked = "<field/>" * 7000, asyncio.Event()

    class Stalls(Peer):
        async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
            if not self.answers:
                asked.set()
                await asyncio.Event().wait()
            return await super().request(iq, timeout)

    tracemalloc.start()
    try:
        call = asyncio.create_task(AdHoc(Stalls(*[lambda: stage(form, NEXT)] * 10)).execute(PEER, NODE, {"later": "x"}))
        await asyncio.wait_for(asked.wait(), 10)
        assert tracemalloc.get_traced_memory()[0] < 10 * len(form)
    finally:
        tracemalloc.stop()
    call.cancel()
    await asyncio.wait({call})


async def test_stages_that_say_too_much_before_the_end_are_refused() -> None:
    wordy = stage("", NEXT, more=f"<note>{'x' * 40_000}</note>")
    peer = Peer(wordy, wordy, DONE)
    with pytest.raises(ServerFailed, match="says more than 65536 bytes before the command is complete"):
        await execute(peer, {"later": "x"})
    assert await settled(peer) == ["s1"]


async def test_stages_of_long_nodes_are_not_remembered() -> None:
    stages = OpenStages(CommandLimits(size=2000))
    await AdHoc(Peer(stage(WHO)), stages).execute(PEER, "n" * 2000)
    assert len(stages) == 0


async def test_nobody_has_the_stages_of_others_forgotten() -> None:
    stages = OpenStages(CommandLimits(remembered=3))
    first = await AdHoc(Peer(stage(WHO)), stages, "alice@example.org").execute(PEER, NODE)
    for number in range(10):
        await AdHoc(Peer(stage(WHO, sessionid=f"e{number}")), stages, "eve@example.org").execute(PEER, NODE)
    peer = Peer(DONE)
    await AdHoc(peer, stages, "alice@example.org").execute(PEER, NODE, {"nick": "x"}, sessionid=first.sessionid)
    assert peer.submitted == [("complete", {"nick": ["x"], "secret": ["pw"]})]
    assert len(stages) == 2, "hers is over, eve has two left"


@pytest.mark.parametrize("failure", [StanzaError("bad-request"), StanzaTimeout("late"), CallerGone("gone"), asyncio.CancelledError()])
async def test_a_session_that_nobody_knows_is_cancelled(failure: BaseException) -> None:
    def fail() -> str:
        raise failure

    peer = Peer(stage(WHO), fail)
    with pytest.raises(type(failure)):
        await execute(peer, {"nick": "x"})
    assert await settled(peer) == ["s1"]


async def test_the_session_of_a_caller_is_not_cancelled_for_a_refusal() -> None:
    peer = Peer(StanzaError("bad-request"))
    with pytest.raises(StanzaError):
        await execute(peer, {"nick": "x"}, sessionid="s1")
    assert await settled(peer) == []


async def test_a_responder_that_asks_without_end_is_left() -> None:
    peer = Peer(*[stage('<field type="fixed"/>', NEXT, f"s{number}") for number in range(100)])
    with pytest.raises(ServerFailed, match="more than 20 stages"):
        await execute(peer, {"a": "x"})
    assert len(peer.requests) == 21
    assert await settled(peer) == ["s20"]


@pytest.mark.parametrize(
    "answer", [stage(WHO, sessionid="s" * 1025), '<other xmlns="urn:x"/>', Stanza.flawed("iq", {"type": "result"}, "too many elements")]
)
async def test_an_answer_that_cannot_be_used_is_not_taken(answer: str | Stanza) -> None:
    with pytest.raises(ServerFailed):
        await execute(Peer(answer), {"nick": "x"})


async def test_the_time_is_for_all_stages_together() -> None:
    peer = Peer(stage(WHO, NEXT), stage(asking("b"), NEXT))
    await AdHoc(peer).execute(PEER, NODE, {"nick": "x"}, timeout=5.0)
    assert peer.timeouts[0] == 5.0
    slow = Peer(stage(WHO, NEXT))
    with pytest.raises(StanzaTimeout, match=r"did not complete the command within 0\.1 s"):
        await AdHoc(Slow(slow)).execute(PEER, NODE, {"nick": "x"}, timeout=0.1)
    assert await settled(slow) == ["s1"]


class Slow:
    """Answers late, but answers.

    Args:
        peer: who answers.
    """

    def __init__(self, peer: Peer) -> None:
        self.loop, self.peer = peer.loop, peer

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        """Answer."""
        if self.peer.requests or iq.mentions(b"cancel"):
            return await self.peer.request(iq, timeout)
        await asyncio.sleep(0.11)
        return await self.peer.request(iq, timeout)


async def test_what_passed_stages_said_is_in_the_answer() -> None:
    result = f'<x xmlns="{DATA_FORMS}" type="result"><field var="preview"><value>1</value></field></x>'
    oob = '<x xmlns="jabber:x:oob"><url>http://x/</url></x>'
    peer = Peer(stage(WHO, NEXT, more=f'<note type="warn">Careful</note>{result}{oob}'), DONE)
    reply = await execute(peer, {"nick": "x"})
    assert [(note.type, note.text) for note in reply.notes] == [("warn", "Careful"), ("info", "Done")]
    assert reply.form is not None
    assert reply.form.value("preview") == "1"
    assert [url.url for url in reply.urls] == ["http://x/"]


TIGASE = f'<command xmlns="{COMMANDS}"><x xmlns="{DATA_FORMS}" type="form">{{}}</x></command>'
MARKED = '<field var="command-marker" type="hidden"><value>command-marker</value></field>'
RESULT = f'<command xmlns="{COMMANDS}"><x xmlns="{DATA_FORMS}" type="result"><field var="Note"><value>ok</value></field></x></command>'


async def test_a_form_of_tigase_is_filled_in_without_session() -> None:
    peer = Peer(TIGASE.format(WHO), RESULT)
    assert (await execute(peer, {"nick": "x"})).unused == ()
    assert peer.submitted == [("", None), ("", {"nick": ["x"], "secret": ["pw"]})]


async def test_the_marker_of_tigase_is_for_the_caller_to_give() -> None:
    peer = Peer(TIGASE.format(WHO + MARKED), TIGASE.format(WHO + MARKED))
    assert (await execute(peer, {"nick": "x"})).is_executing
    assert peer.submitted == [("", None), ("", {"nick": ["x"], "secret": ["pw"]})]


async def test_with_the_marker_the_form_is_that_of_the_item_that_was_named() -> None:
    peer = Peer(TIGASE.format(WHO + MARKED), RESULT)
    await execute(peer, {"nick": "x", "command-marker": "command-marker"})
    whole = {"nick": ["x"], "secret": ["pw"], "command-marker": ["command-marker"]}
    assert peer.submitted == [("", {"nick": ["x"]}), ("", whole)]


async def test_an_item_of_tigase_keeps_what_it_has() -> None:
    begin = f'<command xmlns="{COMMANDS}" node="comp-repo-item-update" status="executing"><actions execute="complete"><complete/></actions>'
    item = '<field var="item-list" type="hidden"><value>a.example</value></field>'
    peer = Peer(f'{begin}<x xmlns="{DATA_FORMS}" type="form">{WHO}{MARKED}{item}</x></command>', RESULT)
    reply = await execute(peer, {"item-list": "a.example", "nick": "x", "command-marker": "command-marker"})
    kept = {"nick": ["x"], "secret": ["pw"], "command-marker": ["command-marker"], "item-list": ["a.example"]}
    assert peer.submitted == [("", {"item-list": ["a.example"], "nick": ["x"]}), ("complete", kept)]
    assert reply.unused == ()


async def test_accounts_that_a_server_lists_in_parts_are_not_listed() -> None:
    options = "".join(f"<option><value>{number}</value></option>" for number in ("25", "None"))
    peer = Peer(stage(f'<field var="max_items" type="list-single">{options}</field>'))

    async def accept(_jid: JID, _password: str) -> bool:
        return True

    with pytest.raises(NotSupported, match="does not list all accounts at once: field 'max_items' does not offer 'none'"):
        await CommandUsers(peer, JID("example.org"), accept, OpenStages()).list()


async def test_a_server_that_refuses_an_early_form_is_asked_without() -> None:
    peer = Peer(StanzaError("feature-not-implemented"), DONE)
    assert (await execute(peer, {"command-marker": "command-marker"})).status == "completed"
    assert peer.submitted == [("", {}), ("", None)]


class Leaving:
    """A caller who goes away after his first request, and the requests that are made for him.

    Args:
        peer: who answers.
    """

    def __init__(self, peer: Peer) -> None:
        self.loop, self.peer = peer.loop, peer

    @property
    def is_gone(self) -> bool:
        """Return whether he has gone."""
        return bool(self.peer.requests)

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call back soon when he has gone."""
        if self.is_gone:
            self.loop.call_soon(callback)

    def off_gone(self, callback: Callable[[], object]) -> None:
        """Do nothing."""

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        """Answer as long as he is there."""
        return await while_there(self._answer(iq, timeout))

    async def _answer(self, iq: Stanza, timeout: float) -> Stanza:
        if self.is_gone:
            await asyncio.sleep(0.01)
        return await self.peer.request(iq, timeout)


async def test_the_session_of_a_caller_who_has_gone_is_cancelled() -> None:
    peer = Peer(stage(WHO), DONE)
    caller = Leaving(peer)
    token = waiting.set(caller)
    try:
        with pytest.raises(CallerGone):
            await AdHoc(caller).execute(PEER, NODE, {"nick": "x"})
    finally:
        waiting.reset(token)
    await asyncio.sleep(0.05)
    assert peer.cancelled == ["s1"]
    assert len(peer.requests) == 1
