"""Signatures, against a computation of our own and the published example of Standard Webhooks."""

import base64
import hashlib
import hmac

import pytest

from tigrest.webhooks import sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The example that the libraries of Standard Webhooks test with."""


def headers(signature: str = SIGNATURE, timestamp: str = str(TIME)) -> dict[str, str]:
    return {"Webhook-Id": ID, "webhook-timestamp": timestamp, "WEBHOOK-SIGNATURE": signature}


def test_the_published_example() -> None:
    assert sign(SECRET, ID, TIME, BODY) == SIGNATURE
    assert verify(SECRET, headers(), BODY, now=TIME)


@pytest.mark.parametrize("secret", ["change-me", "pässword", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_plain_secret_is_taken_as_it_is(secret: str) -> None:
    mac = hmac.new(secret.encode(), b"msg_1.42.\xff\x00", hashlib.sha256)
    assert sign(secret, "msg_1", 42, b"\xff\x00") == "v1," + base64.b64encode(mac.digest()).decode()


def test_one_of_several_signatures_is_enough() -> None:
    assert verify(SECRET, headers(f"v1a,x v1,AAAA {SIGNATURE}"), BODY, now=TIME)
    assert not verify(SECRET, headers("v1a,x v1,AAAA"), BODY, now=TIME)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_clocks_may_differ(seconds: int) -> None:
    assert verify(SECRET, headers(), BODY, now=TIME + seconds)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_is_old_or_from_the_future_is_refused(seconds: int) -> None:
    assert not verify(SECRET, headers(), BODY, now=TIME + seconds)
    assert verify(SECRET, headers(), BODY, tolerance=400, now=TIME + seconds)
    assert not verify(SECRET, headers(), BODY)


@pytest.mark.parametrize("missing", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
def test_all_headers_are_needed(missing: str) -> None:
    given = headers()
    del given[missing]
    assert not verify(SECRET, given, BODY, now=TIME)


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1e9", "١٦", "9" * 5000])
def test_a_timestamp_is_a_number(timestamp: str) -> None:
    assert not verify(SECRET, headers(timestamp=timestamp), BODY, now=TIME)


def test_another_body_secret_or_id_is_refused() -> None:
    assert not verify(SECRET, headers(), BODY + b" ", now=TIME)
    assert not verify("change-me", headers(), BODY, now=TIME)
    assert not verify(SECRET, headers() | {"Webhook-Id": "msg_2"}, BODY, now=TIME)
    assert not verify(SECRET, headers("v1,ü"), BODY, now=TIME)


def test_a_secret_that_is_not_base64_is_an_error() -> None:
    with pytest.raises(ValueError, match="Base64"):
        sign("whsec_!", ID, TIME, BODY)
