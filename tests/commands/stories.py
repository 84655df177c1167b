"""What the built-in commands do, as stories: the same on every server and by every frontend, as far as the server can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tests.commands.expectations import Fails, Number, Saying, With, including, lacking
from tests.commands.frontends import Call, Frontend

HOST, ROOMS = "localhost", "rooms.localhost"

Online = Callable[[str], AbstractContextManager[object]]
"""Has bob online with a resource for the time being, with :data:`CARD`."""

CARD = "<vCard xmlns='vcard-temp'><FN>Bob</FN><N><FAMILY>Builder</FAMILY></N></vCard>"


@dataclass(frozen=True)
class Step:
    """A call of a command in a story.

    Args:
        call: the call.
        expected: its result in JSON, or how it fails.
    """

    call: Call
    expected: Any


@dataclass(frozen=True)
class Story:
    """Steps that build on each other.

    Args:
        steps: in their order.
        is_bob_online: whether bob is online meanwhile.
    """

    steps: tuple[Step, ...]
    is_bob_online: bool = False


def step(command: str, arguments: Mapping[str, Any], expected: Any, *, caller: str = "admin", version: int | None = None) -> Step:
    return Step(Call(command, arguments, caller, version), expected)


def accounts(u: str) -> Story:
    """Return the life of an account."""
    account, nobody = {"user": u, "host": HOST}, {"user": f"{u}-nobody", "host": HOST}
    return Story(
        (
            step("check_account", account, False),
            step("register", account | {"password": "one"}, f"User {u}@localhost successfully registered"),
            step("register", account | {"password": "one"}, Fails("conflict")),
            step("register", account | {"host": "elsewhere.example", "password": "one"}, Fails("argument", "is not served here")),
            step("register", {"user": "a b", "host": HOST, "password": "one"}, Fails("argument")),
            step("register", account, Fails("argument", "password")),
            step("check_account", account, True),
            step("check_account", nobody, False),
            step("check_password", account | {"password": "one"}, True),
            step("registered_users", {"host": HOST}, including(u, "alice")),
            step("registered_users", {"host": "elsewhere.example"}, Fails("argument")),
            step("change_password", account | {"newpass": "two"}, None),
            step("check_password", account | {"password": "two"}, True),
            step("check_password", account | {"password": "one"}, False),
            step("change_password", nobody | {"newpass": "two"}, Fails("missing")),
            step("ban_account", account | {"reason": "Spam"}, None),
            step("unban_account", account, None),
            step("check_password", account | {"password": "two"}, True),
            step("ban_account", account | {"reason": "Spam"}, None, version=0),
            step("check_password", account | {"password": "two"}, False),
            step("unregister", account, f"User {u}@localhost successfully unregistered"),
            step("unregister", account, Fails("missing")),
            step("check_account", account, False),
            step("registered_users", {"host": HOST}, lacking(u)),
        )
    )


def sessions(u: str) -> Story:
    """Return what is told of bob, who is online, until he is kicked."""
    bob, nobody = {"user": "bob", "host": HOST}, {"user": f"{u}-nobody", "host": HOST}
    return Story(
        (
            step("connected_users", {}, including(Saying("^bob@localhost"))),
            step("connected_users_number", {}, Number()),
            step("user_sessions_info", bob, including(With({"resource": u}))),
            step("user_sessions_info", nobody, Fails("missing")),
            step("get_last", bob, With({"status": "ONLINE", "timestamp": Saying("^20")})),
            step("get_last", nobody, Fails("missing")),
            step("kick_session", bob | {"resource": f"{u}-none", "reason": "Stuck"}, Fails("missing")),
            step("kick_session", bob | {"resource": u, "reason": "Stuck"}, None),
            step("kick_user", bob, Saying(r"^Kicked sessions: \d+$")),
            step("kick_user", bob, Number(), version=0),
            step("kick_user", nobody, Fails("missing")),
        ),
        is_bob_online=True,
    )


def announcements(u: str) -> Story:
    """Return what is told to users."""
    return Story(
        (
            step("announce", {"subject": "Tea", "text": "Tea is ready.", "host": HOST}, Saying(".")),
            step("announce", {"subject": "Tea", "text": " ", "host": HOST}, Fails("argument", "text is empty")),
            step("invite", {"user": f"{u}-guest", "host": HOST}, With({"uri": Saying("^xmpp:")})),
            step("invite", {"user": "a@b", "host": HOST}, Fails("argument")),
        ),
        is_bob_online=True,
    )


def server(_u: str) -> Story:
    """Return what is told of the server and of the gateway."""
    return Story(
        (
            step("status", {}, Saying("serves localhost")),
            step("version", {}, With({"gateway": Saying(r"^\d")})),
            step("stats", {"name": "registeredusers"}, Number()),
            step("stats", {"name": "onlineusers"}, Number()),
            step("stats", {"name": "uptimeseconds"}, Number()),
            step("stats", {"name": "processes"}, Fails("impossible")),
            step("stats", {"name": "bogus"}, Fails("argument", "is not one of")),
            step("set_loglevel", {"loglevel": "4"}, None),
            step("get_loglevel", {}, "info"),
            step("get_loglevel", {}, {"levelatom": "info"}, version=0),
            step("set_loglevel", {"loglevel": "loud"}, Fails("argument")),
        )
    )


def meta(_u: str) -> Story:
    """Return what is told of commands."""
    listed = including(With({"name": "list_methods", "category": "commands"}), With({"name": "register"}))
    return Story(
        (
            step("list_methods", {}, listed),
            step("commands", {}, listed),
            step("list_methods", {}, lacking(With({"name": "register"})), caller="alice"),
            step("help", {}, Saying("(?m)^register: ")),
            step("help", {"command": "register"}, Saying("(?s)password: secret.*Role: admin")),
            step("help", {"command": "regster"}, Fails("missing", "did you mean 'register'?")),
            step("help", {"command": "register"}, Fails("forbidden"), caller="alice"),
            step("reload_handlers", {}, Saying("commands are served")),
        )
    )


def permissions(_u: str) -> Story:
    """Return what is told of who may do what."""
    return Story(
        (
            step("explain", {"caller": "alice@localhost", "name": "register"}, including(With({"group": "role", "allows": False}))),
            step("explain", {"caller": "admin@localhost", "name": "register"}, including(With({"group": "role", "allows": True}))),
            step(
                "explain",
                {"caller": "nobody", "name": "list_methods", "frontend": "adhoc"},
                including(With({"group": "role", "allows": True})),
            ),
            step("explain", {"caller": "alice@localhost", "name": "nothing"}, Fails("missing")),
            step("explain", {"caller": "alice@localhost", "name": "status", "frontend": "post"}, Fails("argument")),
        )
    )


def tokens(u: str) -> Story:
    """Return what becomes of tokens."""
    issued = With({"token": Saying("^tgt_"), "scopes": ["send_message"], "expires_in": 60})
    return Story(
        (
            step("oauth_issue_token", {"jid": f"{u}@localhost", "ttl": 60, "scopes": ["send_message"]}, issued),
            step("oauth_issue_token", {"jid": f"{u}@localhost", "ttl": 60, "scopes": "send_message"}, issued, version=0),
            step("oauth_issue_token", {"jid": f"{u}@localhost", "ttl": "soon", "scopes": []}, Fails("argument", "is not a whole number")),
            step("oauth_list_tokens", {}, including(With({"user": f"{u}@localhost", "scopes": ["send_message"]}))),
            step("oauth_revoke_token", {"token": "tgt_none"}, None),
        )
    )


def hooks(u: str) -> Story:
    """Return the life of a hook."""
    hook = {"name": f"{u}-hook"}
    return Story(
        (
            step("add_hook", hook | {"format": "text", "to": "bob@localhost"}, With({"path": f"/rest/hooks/{u}-hook"})),
            step("add_hook", hook | {"format": "text", "to": "bob@localhost"}, Fails("argument", "already")),
            step("add_hook", {"name": "x", "format": "none", "to": "bob@localhost"}, Fails("argument", "no format")),
            step("test_hook", hook, Saying(".")),
            step("list_hooks", {}, including(With({"name": f"{u}-hook", "format": "text", "to": "bob@localhost", "room": False}))),
            step("revoke_hook", hook, None),
            step("test_hook", hook, Fails("missing")),
        )
    )


def rooms(u: str) -> Story:
    """Return the life of a room."""
    room, nowhere = {"room": f"{u}-tea", "service": ROOMS}, {"room": f"{u}-nowhere", "service": ROOMS}
    alice = {"jid": "alice@localhost", "affiliation": "member"}
    return Story(
        (
            step("create_room", room | {"host": HOST}, None),
            step("create_room", room | {"host": HOST}, Fails("conflict")),
            step("get_room_options", room, With({"persistent": "true", "title": ""})),
            step("change_room_option", room | {"option": "public", "value": "true"}, None),
            step("muc_online_rooms", {"service": ROOMS}, including(f"{u}-tea@{ROOMS}")),
            step("change_room_option", room | {"option": "title", "value": "Tea <&> cake"}, None),
            step("change_room_option", room | {"option": "colour", "value": "red"}, Fails("argument", "no option")),
            step("get_room_options", room, With({"title": "Tea <&> cake"})),
            step("set_room_affiliation", room | {"user": "alice", "host": HOST, "affiliation": "member"}, None),
            step("get_room_affiliation", room | {"jid": "alice@localhost"}, "member"),
            step("get_room_affiliation", room | {"jid": "bob@localhost"}, "none"),
            step("get_room_affiliations", room, including(With(alice), With({"affiliation": "owner"}))),
            step(
                "get_room_affiliations",
                {"name": room["room"], "service": ROOMS},
                including(With({"username": "alice", "domain": HOST, "affiliation": "member"})),
                version=0,
            ),
            step("get_room_occupants", room, []),
            step("get_room_occupants_number", room, 0),
            step("send_direct_invitation", room | {"password": "none", "reason": "Tea?", "users": ["bob@localhost"]}, None),
            step("get_room_options", nowhere, Fails("missing", "there is no room")),
            step("destroy_room", room, None),
            step("destroy_room", room, Fails("missing", "there is no room")),
            step("muc_online_rooms", {"service": ROOMS}, lacking(f"{u}-tea@{ROOMS}")),
        )
    )


def furnished_rooms(u: str) -> Story:
    """Return the life of a room that is made with options."""
    room = {"room": f"{u}-hall", "service": ROOMS}
    options = [{"name": "title", "value": "Hall: a b"}, {"name": "members_only", "value": "true"}]
    return Story(
        (
            step("create_room_with_opts", room | {"host": HOST, "options": [{"name": "colour", "value": "red"}]}, Fails("argument")),
            step("create_room_with_opts", room | {"host": HOST, "options": options}, None),
            step("get_room_options", room, With({"title": "Hall: a b", "members_only": "true"})),
            step("destroy_room", room, None),
            step("create_room_with_opts", room | {"room": f"{u}-loft", "host": HOST, "options": {"title": "Loft"}}, None),
            step("get_room_options", room | {"room": f"{u}-loft"}, With({"title": "Loft"})),
            step("destroy_room", room | {"room": f"{u}-loft"}, None),
        )
    )


def rosters(u: str) -> Story:
    """Return what becomes of contacts of bob."""
    bob, jid = {"user": "bob", "host": HOST}, f"{u}@example.net"
    item = {"localuser": "bob", "localhost": HOST, "user": u, "host": "example.net"}
    contact = {"caller": "bob@localhost", "jid": jid}
    return Story(
        (
            step("get_roster", bob, lacking(With({"jid": jid}))),
            step("get_roster", bob | {"user": f"{u}-nobody"}, Fails("missing")),
            step("list_contacts", {"caller": "bob@localhost"}, lacking(With({"jid": jid}))),
            step("add_rosteritem", item | {"nick": "Jan & co", "groups": ["One"], "subs": "all"}, Fails("argument", "is not one of")),
            step("add_rosteritem", item | {"nick": "Jan & co", "groups": ["One"], "subs": "none"}, None),
            step("get_roster", bob, including(With({"jid": jid, "nick": "Jan & co", "subscription": "none", "groups": ["One"]}))),
            step("get_roster", bob, including(With({"jid": jid, "nick": "Jan & co", "groups": "One"})), version=0),
            step("add_rosteritem", item | {"nick": "Jan", "group": "Two", "subs": "none"}, None, version=0),
            step("get_roster", bob, including(With({"jid": jid, "nick": "Jan", "groups": ["Two"]}))),
            step("delete_rosteritem", item, None),
            step("delete_rosteritem", item, Fails("missing")),
            step("add_contact", contact, None),
            step("list_contacts", {"caller": "bob@localhost"}, including(With({"jid": jid, "subscription": "none"}))),
            step("delete_contact", contact, None),
            step("delete_contact", contact, Fails("missing")),
        )
    )


def friends(u: str) -> Story:
    """Return how bob and alice become friends, as far as the server lets others make them."""
    pair, nobody = {"caller": "bob@localhost", "jid": "alice@localhost"}, f"{u}-nobody@localhost"
    return Story(
        (
            step("set_subscription", pair | {"jid": nobody, "action": "connect"}, Fails("missing")),
            step("set_subscription", pair | {"action": "marry"}, Fails("argument", "is not one of")),
            step("set_subscription", pair | {"action": "connect"}, None),
            step("list_contacts", {"caller": "alice@localhost"}, including(With({"jid": "bob@localhost", "subscription": "both"}))),
            step("set_subscription", pair | {"action": "disconnect"}, None),
            step("list_contacts", {"caller": "alice@localhost"}, lacking(With({"jid": "bob@localhost"}))),
        )
    )


def rooms_of_mongooseim(u: str) -> Story:
    """Return the life of a room by MongooseIM's names."""
    muc, room = {"domain": HOST, "name": f"{u}-den"}, {"room": f"{u}-den", "service": ROOMS}
    enter = "<presence><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    invitation = {"sender": "den@http.localhost", "recipient": "bob@localhost", "reason": "Tea?"}
    return Story(
        (
            step("create_muc_room", muc | {"owner": "alice@localhost", "nick": "Alice"}, f"{u}-den"),
            step("create_muc_room", muc | {"owner": "alice@localhost", "nick": "Alice"}, Fails("conflict")),
            step("get_room_affiliation", room | {"jid": "alice@localhost"}, "owner"),
            step("invite_to_muc_room", muc | invitation, None),
            step("invite_to_muc_room", muc | invitation | {"sender": "eve@elsewhere.example"}, Fails("forbidden")),
            step("kick_user_from_room", muc | {"nick": "Alice"}, Fails("missing", "has the nick")),
            step("send_stanza", {"from": "alice@http.localhost/x", "to": f"{u}-den@{ROOMS}/Alice", "stanza": enter}, None),
            step("kick_user_from_room", muc | {"nick": "Alice"}, None),
            step("get_room_occupants", room, []),
            step("destroy_room", room, None),
            step("kick_user_from_room", muc | {"nick": "Alice"}, Fails("missing", "there is no room")),
        )
    )


def messages(_u: str) -> Story:
    """Return who may send what."""
    message, ping = {"to": "bob@localhost", "body": "Tea <&> cake?"}, "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    return Story(
        (
            step("send_message", message, None),
            step("send_message", message | {"type": "headline", "from": "news@http.localhost", "subject": "Tea"}, None),
            step("send_message", message, None, caller="alice"),
            step("send_message", message | {"from": "admin@localhost"}, Fails("forbidden"), caller="alice"),
            step("send_message", message | {"type": "shout"}, Fails("argument", "is not one of")),
            step("send_message", message | {"to": "a b@localhost"}, Fails("argument", "is not an XMPP address")),
            step("send_stanza", {"to": "localhost", "stanza": ping}, None),
            step("send_stanza", {"to": "bob@localhost", "stanza": "<message><body>Tea</body></message>"}, None, caller="alice"),
            step("send_stanza", {"to": "localhost", "stanza": "<body/>"}, Fails("argument")),
        ),
        is_bob_online=True,
    )


def vcards(u: str) -> Story:
    """Return what becomes of bob's vCard."""
    bob, nobody = {"user": "bob", "host": HOST}, {"user": f"{u}-nobody", "host": HOST}
    return Story(
        (
            step("get_vcard", bob | {"name": "FN"}, "Bob"),
            step("get_vcard2", bob | {"name": "N", "subname": "FAMILY"}, "Builder"),
            step("get_vcard", bob | {"name": "ROLE"}, Fails("missing")),
            step("get_vcard", nobody | {"name": "FN"}, Fails("missing")),
            step("set_vcard", bob | {"name": "FN", "content": f"Bob {u}"}, None),
            step("get_vcard", bob | {"name": "FN"}, f"Bob {u}"),
            step("set_vcard2", bob | {"name": "N", "subname": "FAMILY", "content": "<&>"}, None),
            step("get_vcard2", bob | {"name": "N", "subname": "FAMILY"}, "<&>"),
            step("set_nickname", bob | {"nickname": u}, None),
            step("get_vcard", bob | {"name": "NICKNAME"}, u),
            step("set_nickname", nobody | {"nickname": u}, Fails("missing")),
        ),
        is_bob_online=True,
    )


def private_storage(u: str) -> Story:
    """Return what becomes of what bob keeps at the server."""
    bob, notes = {"user": "bob", "host": HOST}, {"element": "storage", "ns": "storage:rosternotes"}
    return Story(
        (
            step("private_get", bob | notes, Saying("storage:rosternotes")),
            step("private_set", bob | {"element": f'<storage xmlns="storage:rosternotes"><note>{u}</note></storage>'}, None),
            step("private_get", bob | notes, f'<storage xmlns="storage:rosternotes"><note>{u}</note></storage>'),
            step("private_set", bob | {"element": "<storage/>"}, Fails("argument")),
            step("private_get", notes | {"user": f"{u}-nobody", "host": HOST}, Fails("missing")),
        )
    )


def webhooks(u: str) -> Story:
    """Return what is done about deliveries to webhooks where there are none."""
    return Story(
        (
            step("list_webhooks", {}, []),
            step("list_webhook_deliveries", {"webhook": u}, []),
            step("list_webhook_deliveries", {"limit": 0}, Fails("argument")),
            step("replay_webhook_deliveries", {"all": True}, 0),
            step("replay_webhook_deliveries", {"ids": [999_999]}, Fails("missing", "no dead delivery 999999")),
            step("replay_webhook_deliveries", {}, Fails("argument", "name the deliveries")),
            step("replay_webhook_deliveries", {"webhook": u, "all": True}, Fails("argument", "name the deliveries")),
            step("drop_webhook_deliveries", {"webhook": u}, 0),
            step("drop_webhook_deliveries", {"ids": [999_999]}, Fails("missing", "no delivery 999999")),
            step("drop_webhook_deliveries", {}, Fails("argument", "name the deliveries")),
        )
    )


STORIES: tuple[Callable[[str], Story], ...] = (
    accounts,
    sessions,
    announcements,
    server,
    meta,
    permissions,
    tokens,
    hooks,
    webhooks,
    rooms,
    furnished_rooms,
    rosters,
    friends,
    rooms_of_mongooseim,
    messages,
    vcards,
    private_storage,
)
"""Makes of a text that is nobody's name the stories with it."""


@dataclass
class Findings:
    """What stories have shown of commands.

    Args:
        done, impossible: by command the versions in which it did what is expected, and in which the server could not.
        wrong: what was not as expected, for people.
    """

    done: dict[str, set[int | None]] = field(default_factory=dict)
    impossible: dict[str, set[int | None]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def cell(self, command: str) -> str:
        """Return whether a command works: ``yes``, ``no``, or in part; empty when no story has it."""
        done, impossible = self.done.get(command, set()), self.impossible.get(command, set())
        if not impossible:
            return "yes" if done else ""
        if not done:
            return "no"
        older = sorted(version for version in done if version is not None)
        return f"version {older[0]}" if None in impossible - done and older else "in part"

    def cells(self, commands: Iterable[str]) -> list[str]:
        """Return the cells of commands."""
        return [self.cell(command) for command in commands]


def play(frontend: Frontend, prefix: str, online: Online, reads: Collection[str]) -> Findings:
    """Run all stories by a frontend.

    What the server cannot do is no fault. When it cannot make a change, what comes behind it in its story may come out otherwise too.

    Args:
        frontend: the way to call commands.
        prefix: a text that is nobody's name.
        online: has bob online.
        reads: names of commands that change nothing.
    """
    findings = Findings()
    for make in STORIES:
        story = make(prefix)
        with online(prefix) if story.is_bob_online else nullcontext():
            _play(frontend, story, findings, reads)
    return findings


def _play(frontend: Frontend, story: Story, findings: Findings, reads: Collection[str]) -> None:
    is_changed = True
    for each in story.steps:
        call, is_failure = each.call, isinstance(each.expected, Fails)
        if not frontend.has(call):
            continue
        answer = frontend.call(call)
        if answer.agrees(each.expected):
            if not is_failure:
                findings.done.setdefault(call.command, set()).add(call.version)
        elif answer.failure is not None and answer.failure.kind == "impossible":
            is_changed = is_changed and call.command in reads
            if not is_failure:
                findings.impossible.setdefault(call.command, set()).add(call.version)
        elif is_changed:
            findings.wrong.append(f"{frontend.name}: {call} gave {answer.shown}, not {each.expected}")
