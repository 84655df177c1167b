"""Who may post to a hook: the ways to show that one knows its secret, guesses, and hooks that change."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections import Counter
from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.auth.fakes import ADDRESS, BOB, Clock
from tigrest.auth.hook_admission import REFUSAL, HookAdmission, HookCredentials
from tigrest.auth.hook_secrets import has_signature
from tigrest.auth.hook_store import Hook, HookStore, make_hook, new_secret
from tigrest.auth.throttle import Throttle
from tigrest.errors import InvalidValue, LoginRequired, NotFound, StorageUnavailable, TooManyFailures
from tigrest.state.database import Database
from tigrest.webhooks import sign
from tigrest.xmpp.jid import JID

SECRET = "0123456789abcdef-secret"
BODY = b'{"zen": "Speak like a human."}'
FORM = f"payload={quote_plus(BODY)}".encode()
"""The same as a form, as GitHub, Gitea, Forgejo and Gogs send it where that content type is chosen."""


class BrokenStore(HookStore):
    broken = False

    async def list(self) -> tuple[Hook, ...]:
        if self.broken:
            raise OSError("the disk is gone")
        return await super().list()


class World:
    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.store, self.other = BrokenStore(database), HookStore(database)
        configured = [make_hook("fixed", "text", BOB, SECRET)]
        self.admission = HookAdmission(configured, self.store, Throttle(self.clock), clock=self.clock, unix_clock=self.clock)
        self.bodies, self.content = 0, BODY

    async def body(self) -> bytes:
        self.bodies += 1
        return self.content

    async def post(self, name: str, address: str = ADDRESS, token: str = "", **headers: str) -> Hook:
        named = {header.replace("_", "-"): value for header, value in headers.items()}
        return await self.admission.admit(name, HookCredentials(named, {"token": token} if token else {}, address, self.body))


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database)
    await world.store.start()
    await world.store.add(make_hook("git", "github", BOB, SECRET, signs=True))
    await world.store.add(make_hook("text", "text", BOB, SECRET))
    return world


def basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'any:{password}'.encode()).decode()}"


def hmac_of(secret: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(secret: str, at: int) -> dict[str, str]:
    return {"webhook_id": "msg_1", "webhook_timestamp": str(at), "webhook_signature": f"v1,wrong {sign(secret, 'msg_1', at, BODY)}"}


def grafana(secret: str, at: int) -> dict[str, str]:
    """Return what Grafana sends that has a header for the time."""
    return {"x_grafana_alerting_signature": hmac_of(secret, f"{at}:".encode() + BODY), "x_grafana_alerting_timestamp": str(at)}


def ways(secret: str) -> list[dict[str, str]]:
    """Return ways to post with a secret."""
    return [
        {"token": secret},
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"bearer  {secret} "},
        {"authorization": basic(secret)},
        {"x_gotify_key": secret},
        {"x_gitlab_token": secret},
        {"x_hub_signature_256": f"sha256={hmac_of(secret)}"},
        {"x_gitea_signature": hmac_of(secret)},
        {"x_forgejo_signature": hmac_of(secret)},
        {"x_grafana_alerting_signature": hmac_of(secret)},
        grafana(secret, 1290),
        standard(secret, 1000),
        standard(secret, 1290),
    ]


async def test_each_way_to_show_the_secret_will_do_and_none_to_show_another(world: World) -> None:
    for index, (right, wrong) in enumerate(zip(ways(SECRET), ways("another-secret-of-16"), strict=True)):
        assert (await world.post("git", **right)).to == BOB
        with pytest.raises(LoginRequired):
            await world.post("git", f"192.0.2.{index + 10}", **wrong)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic %%%"},
        {"authorization": "Bearer"},
        {"authorization": "Basic " + base64.b64encode(b"any:").decode()},
        {"x_hub_signature_256": ""},
        {"x_hub_signature_256": "sha1=" + "0" * 40},
        {"x_hub_signature_256": f"sha256={hmac_of(SECRET, BODY + b' ')}"},
        {"x_hub_signature": "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()},
        {"x_hub_signature_256": "ü"},
        {"x_grafana_alerting_signature": f"sha256={hmac_of(SECRET)}"},
        {"x_grafana_alerting_signature": grafana(SECRET, 1000)["x_grafana_alerting_signature"]},
        {"x_grafana_alerting_signature": hmac_of(SECRET), "x_grafana_alerting_timestamp": "1000"},
        {"x_grafana_alerting_signature": "ü", "x_grafana_alerting_timestamp": "²"},
        grafana(SECRET, 1000 - 301),
        grafana(SECRET, 1000 + 301),
        standard(SECRET, 1000 - 301),
        standard(SECRET, 1000 + 301),
        {"webhook_signature": "v1,x"},
    ],
)
async def test_what_shows_nothing_is_refused(world: World, headers: dict[str, str]) -> None:
    with pytest.raises(LoginRequired, match="no such hook, or the post does not carry its secret"):
        await world.post("git", **headers)


@pytest.mark.parametrize(
    ("header", "signed", "content", "is_right"),
    [
        ("x_hub_signature_256", FORM, FORM, True),
        ("x_hub_signature_256", BODY, FORM, False),
        *((f"x_{forge}_signature", BODY, FORM, True) for forge in ("gitea", "forgejo", "gogs")),
        ("x_gitea_signature", FORM, FORM, False),
        ("x_gitea_signature", BODY, FORM + b"&text=evil", False),
        ("x_gitea_signature", BODY, b"text=evil&" + FORM, False),
        ("x_gitea_signature", BODY, FORM + b"&" + FORM, False),
        ("x_gitea_signature", b"text=x", b"text=x", True),
        ("x_gitea_signature", BODY, BODY, True),
    ],
)
async def test_a_form_is_signed_as_its_sender_signs_it(world: World, header: str, signed: bytes, content: bytes, is_right: bool) -> None:
    world.content = content
    given = {header: hmac_of(SECRET, signed), "content_type": "application/x-www-form-urlencoded"}
    if is_right:
        assert (await world.post("git", **given)).to == BOB
        return
    with pytest.raises(LoginRequired):
        await world.post("git", **given)


@given(st.one_of(st.text("%=&+\r\n 0aFz\0é"), st.binary().map(quote_plus)))
def test_what_is_signed_of_a_form_is_what_is_read_of_it(field: str) -> None:
    """A form that cannot be one of these programs is signed as a whole."""
    hook = make_hook("git", "gitea", BOB, SECRET, signs=True)
    body = f"payload={field}".encode()
    is_sound = re.fullmatch(r"([^%=&\r\n]|%[0-9a-fA-F]{2})*", field) is not None
    for signed, is_right in ((unquote_to_bytes(field.replace("+", " ")), is_sound), (body, not is_sound)):
        headers = {"x-gitea-signature": hmac_of(SECRET, signed), "content-type": "application/x-www-form-urlencoded"}
        assert has_signature(hook, headers, body) is is_right


async def test_of_many_guesses_at_once_no_more_are_checked_than_of_many_in_turn(world: World) -> None:
    """Bodies that come at the same time all begin before the first one is refused."""
    begun = asyncio.Barrier(25)

    async def body() -> bytes:
        await begun.wait()
        return FORM

    wrong = HookCredentials({"x-gitea-signature": "0" * 64}, {}, ADDRESS, body)
    guesses = [asyncio.create_task(world.admission.admit("git", wrong)) for _ in range(25)]
    outcomes = Counter(type(outcome) for outcome in await asyncio.gather(*guesses, return_exceptions=True))
    assert outcomes == {LoginRequired: 10, TooManyFailures: 15}


class Noted(dict[str, str]):
    """Headers that note which of them are read."""

    def __init__(self, **headers: str) -> None:
        super().__init__({name.replace("_", "-"): value for name, value in headers.items()})
        self.read: list[str] = []

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.read.append(name)
        return super().get(name, default)


@pytest.mark.parametrize("header", ["x_hub_signature_256", "x_gitea_signature", "webhook_signature", "x_grafana_alerting_signature"])
def test_where_there_is_no_hook_the_same_is_checked(header: str) -> None:
    read = []
    for hook in (make_hook("git", "github", BOB, SECRET, signs=True), make_hook("text", "text", BOB, SECRET), None):
        headers = Noted(**{header: hmac_of("0" * 32, BODY)}, content_type="application/x-www-form-urlencoded")
        assert not has_signature(hook, headers, FORM)
        read.append(headers.read)
    assert read[0]
    assert read == [read[0]] * 3


async def test_what_is_no_form_is_signed_as_it_is(world: World) -> None:
    world.content = FORM
    for type in ("text/plain", "multipart/form-data; boundary=x"):
        assert await world.post("git", x_gitea_signature=hmac_of(SECRET, FORM), content_type=type)
        with pytest.raises(LoginRequired):
            await world.post("git", x_gitea_signature=hmac_of(SECRET), content_type=type)


async def test_who_has_no_signature_is_refused_before_his_body_is_read(world: World) -> None:
    with pytest.raises(LoginRequired):
        await world.post("git", token="wrong")
    assert world.bodies == 0


async def test_a_secret_that_is_kept_as_a_hash_signs_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LoginRequired):
        await world.post("text", x_hub_signature_256=f"sha256={hmac_of(SECRET)}")
    with pytest.raises(LoginRequired):
        await world.post("text", x_hub_signature_256=f"sha256={hmac_of('')}")
    assert [hook.secret for hook in await world.store.list()] == [SECRET, ""]
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("a signed post to the hook text is refused")
    assert line.endswith("make it with --signed")


async def test_a_hook_that_there_is_not_is_refused_like_a_wrong_secret(world: World) -> None:
    for name in ("none", "git", "../git", "GIT", "é" * 2000, ""):
        with pytest.raises(LoginRequired) as error:
            await world.post(name, token="wrong")
        assert str(error.value) == REFUSAL


async def test_guesses_are_slowed_down_and_who_knows_the_secret_posts_from_elsewhere(world: World) -> None:
    for name in ("git", "none"):
        for _ in range(10):
            with pytest.raises(LoginRequired):
                await world.post(name, "198.51.100.7", token="wrong")
        with pytest.raises(TooManyFailures):
            await world.post(name, "198.51.100.7", token="wrong")
    assert (await world.post("git", token=SECRET)).name == "git"
    for _ in range(15):
        with pytest.raises((LoginRequired, TooManyFailures)):
            await world.post("text", "198.51.100.7", token="wrong")
    with pytest.raises(TooManyFailures):
        await world.post("fixed", "198.51.100.7", token="wrong")  # the network has failed too often, at whatever


async def test_what_another_process_changes_counts_within_a_second(world: World) -> None:
    assert (await world.post("text", token=SECRET)).name == "text"
    await world.other.revoke("text")
    await world.other.add(make_hook("new", "text", BOB, SECRET))
    world.clock.pass_by(1.1)
    with pytest.raises(LoginRequired):
        await world.post("text", token=SECRET)
    assert (await world.post("new", token=SECRET)).name == "new"


async def test_a_hook_that_another_process_has_made_right_now_works(world: World) -> None:
    assert (await world.post("text", token=SECRET)).name == "text"
    await world.other.add(make_hook("new", "text", BOB, SECRET))
    world.clock.pass_by(0.11)
    assert (await world.post("new", token=SECRET)).name == "new"


async def test_what_this_process_changes_counts_at_once(world: World) -> None:
    assert (await world.post("text", token=SECRET)).name == "text"
    await world.admission.revoke("text")
    with pytest.raises(LoginRequired):
        await world.post("text", token=SECRET)
    with pytest.raises(NotFound):
        await world.admission.revoke("text")


async def test_hooks_that_were_read_stay_valid_while_the_database_is_gone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.store.broken = True
    with pytest.raises(StorageUnavailable):
        await world.post("git", token=SECRET)
    assert (await world.post("fixed", token=SECRET)).name == "fixed"
    world.store.broken = False
    world.clock.pass_by(2)
    await world.post("git", token=SECRET)
    world.store.broken = True
    world.clock.pass_by(2)
    assert (await world.post("git", token=SECRET)).name == "git"
    assert "the stored hooks cannot be read" in caplog.text
    assert SECRET not in caplog.text


async def test_hooks_of_the_configuration_come_first(world: World) -> None:
    with pytest.raises(InvalidValue, match='the configuration has a hook named "fixed"'):
        await world.admission.add(make_hook("fixed", "text", BOB, SECRET))
    assert [hook.name for hook in await world.admission.list()] == ["fixed", "git", "text"]
    await world.admission.note_use(make_hook("fixed", "text", BOB, SECRET), "sent")
    await world.admission.note_use((await world.store.list())[0], "x" * 1000)
    assert [len(hook.last_outcome) for hook in await world.admission.list()] == [0, 200, 0]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "Upper"}, "lower-case letters"),
        ({"name": "a/b"}, "lower-case letters"),
        ({"name": "x" * 65}, "lower-case letters"),
        ({"to": JID("localhost")}, "not the address of a user"),
        ({"to": JID("bob@localhost/phone")}, "not the address of a user"),
        ({"secret": "short"}, "at least 16 characters"),
        ({"secret": "with a newline\nin it"}, "at least 16 characters"),
        ({"secret": "whsec_not*base64*at*all"}, "goes on in Base64"),
        ({"nick": "Bot"}, "a nick is for rooms"),
        ({"nick": "a\nb", "is_room": True}, "printable characters"),
    ],
)
def test_what_cannot_be_a_hook(changed: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"name": "a", "format": "text", "to": BOB, "secret": SECRET}
    with pytest.raises(InvalidValue, match=words) as error:
        make_hook(**(given | changed))  # type: ignore[arg-type]
    assert "short" not in str(error.value)


def test_new_secrets_can_be_told_from_others() -> None:
    assert new_secret() != new_secret()
    assert new_secret().startswith("tgh_")
