import base64

import pytest

from tigrest.errors import NotConnected
from tigrest.xmpp.sasl import MAX_ITERATIONS, Plain, Refused, Scram, choose_mechanism

SHA1 = ("SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92")
SHA256 = ("SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==")


@pytest.mark.parametrize(
    ("example", "proof", "signature"),
    [
        (SHA1, "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
        (SHA256, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
    ],
)
async def test_the_examples_of_the_rfcs(example: tuple[str, str, str, str], proof: str, signature: str) -> None:
    name, mine, theirs, salt = example
    scram = Scram(name, "user", "pencil", mine)
    assert scram.first() == f"n,,n=user,r={mine}".encode()
    assert await scram.answer(f"r={mine}{theirs},s={salt},i=4096".encode()) == f"c=biws,r={mine}{theirs},p={proof}".encode()
    scram.finish(f"v={signature}".encode())


async def test_the_signature_may_come_as_a_challenge() -> None:
    name, mine, theirs, salt = SHA256
    scram = Scram(name, "user", "pencil", mine)
    await scram.answer(f"r={mine}{theirs},s={salt},i=4096".encode())
    assert await scram.answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
    scram.finish(b"")
    with pytest.raises(NotConnected):
        await scram.answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("last", [b"", b"v=", b"v=AAAA", b"e=other-error", b"x", b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="])
async def test_a_server_that_proves_nothing_is_no_server(last: bytes) -> None:
    name, mine, theirs, salt = SHA256
    scram = Scram(name, "user", "pencil", mine)
    await scram.answer(f"r={mine}{theirs},s={salt},i=4096".encode())
    with pytest.raises(NotConnected, match="impostor"):
        scram.finish(last)


@pytest.mark.parametrize("last", [b"", b"v="])
def test_success_before_any_challenge_is_no_success(last: bytes) -> None:
    with pytest.raises(NotConnected, match="impostor"):
        Scram("SCRAM-SHA-256", "user", "pencil").finish(last)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"\xff",
        b"r=other,s=QUJDRA==,i=4096",
        b"r=mine,s=QUJDRA==,i=4096",
        b"r=mine\xc3\xa4,s=QUJDRA==,i=4096",
        b"r=mine1,s=,i=4096",
        b"r=mine1,s=!,i=4096",
        b"r=mine1,i=4096",
        b"m=new,r=mine1,s=QUJDRA==,i=4096",
        b"e=other-error",
    ],
)
async def test_a_challenge_that_is_none(challenge: bytes) -> None:
    with pytest.raises(NotConnected, match="RFC 5802"):
        await Scram("SCRAM-SHA-256", "user", "pencil", "mine").answer(challenge)


@pytest.mark.parametrize("count", ["1", "4095", "0", "-1", "4096.0", "٤٠٩٦", str(MAX_ITERATIONS + 1), "9" * 5000])
async def test_rounds_are_bounded(count: str) -> None:
    with pytest.raises(NotConnected, match="iterations"):
        await Scram("SCRAM-SHA-256", "user", "pencil", "mine").answer(f"r=mine1,s=QUJDRA==,i={count}".encode())


async def test_a_short_salt_will_do_as_tigase_has_them() -> None:
    salt = base64.b64encode(b"0123456789").decode()
    assert b",p=" in await Scram("SCRAM-SHA-1", "user", "pencil", "mine").answer(f"r=mine1,s={salt},i=4096".encode())


def test_users_are_escaped() -> None:
    assert Scram("SCRAM-SHA-1", "a=b,c", "x", "mine").first() == b"n,,n=a=3Db=2Cc,r=mine"


def test_nonces_differ() -> None:
    assert Scram("SCRAM-SHA-1", "a", "x").first() != Scram("SCRAM-SHA-1", "a", "x").first()


@pytest.mark.parametrize(
    ("offered", "plain", "name"),
    [
        ({"PLAIN", "SCRAM-SHA-256"}, True, "PLAIN"),
        ({"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"}, False, "SCRAM-SHA-256"),
        ({"SCRAM-SHA-1", "SCRAM-SHA-512"}, True, "SCRAM-SHA-512"),
        ({"SCRAM-SHA-1", "DIGEST-MD5", "X-OAUTH2"}, False, "SCRAM-SHA-1"),
        ({"PLAIN"}, False, None),
        ({"DIGEST-MD5", "SCRAM-SHA-1-PLUS", "plain"}, True, None),
        (set(), True, None),
    ],
)
def test_the_mechanism_fits_the_line(offered: set[str], plain: bool, name: str | None) -> None:
    mechanism = choose_mechanism(offered, "user", "pencil", plain)
    assert (mechanism.name if mechanism else None) == name


async def test_plain_is_one_message() -> None:
    plain = Plain("jürgen", "schlüssel")
    assert plain.first() == "\0jürgen\0schlüssel".encode()
    plain.finish(b"")
    with pytest.raises(NotConnected):
        await plain.answer(b"?")


@pytest.mark.parametrize("password", ["\u0007", "\u0627a\u0628", "\u00ad"])
def test_a_password_that_cannot_be_is_a_login_that_is_refused(password: str) -> None:
    with pytest.raises(Refused):
        Scram("SCRAM-SHA-256", "user", password)
