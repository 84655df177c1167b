"""What comes back on a connection, and which of it is no fault of the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

from tests.servers.fuzzing.calls import Call

ANSWER_SECONDS = 8.0
"""How long an answer is waited for."""

QUIET_SECONDS = 0.4
"""How long it is for what need not be answered."""


@dataclass(frozen=True)
class Answer:
    """An answer.

    Args:
        status: of HTTP.
        head: with its headers.
        body: as far as it was read.
    """

    status: int
    head: bytes
    body: bytes


async def answers_to(port: int, call: Call) -> list[Answer] | None:
    """Send something on a connection, and read what comes back.

    Returns:
        The answers; ``None`` when one that had to come did not.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(OSError):
            for piece in call.pieces:
                writer.write(piece)
                await writer.drain()
                if call.pause:
                    await asyncio.sleep(call.pause)
            if call.ending == "abort":
                writer.transport.abort()
                return []
            if call.ending == "half":
                writer.write_eof()
        data = await _read(reader, call)
        found = parsed(data, call.answers)
        return None if call.is_whole and not found else found
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, call: Call) -> bytes:
    """Read to the end, or as long as one waits; of an event stream only the beginning."""
    data = b""
    loop = asyncio.get_running_loop()
    end = loop.time() + (ANSWER_SECONDS if call.is_whole else QUIET_SECONDS)
    with contextlib.suppress(OSError):
        while (left := end - loop.time()) > 0:
            more = await asyncio.wait_for(reader.read(65536), left)
            data += more
            if not more or b"\r\ncontent-type: text/event-stream" in data[:2000]:
                break
    return data


def parsed(data: bytes, most: int) -> list[Answer]:
    """Take answers apart: each has a length, is chunked, or goes on to the end."""
    found: list[Answer] = []
    while data.startswith(b"HTTP/1.1 ") and len(found) < most:
        head, separator, data = data.partition(b"\r\n\r\n")
        if not separator:
            break
        status = int(head[9:12])
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if status < 200 or status in (204, 304):
            body = b""
        elif length is not None:
            # An answer to HEAD has a length and no body.
            size = 0 if data.startswith(b"HTTP/1.1 ") or not data else int(length[1])
            body, data = data[:size], data[size:]
        else:
            body, data = data, b""
        if status >= 200:
            found.append(Answer(status, head, body))
    return found


@dataclass(frozen=True)
class Allowed:
    """An answer of 5xx that is not the gateway's fault.

    Args:
        status: of HTTP.
        says: pattern that the body has in it.
        because: why that is so.
    """

    status: int
    says: str
    because: str


ALLOWED = (
    Allowed(
        500,
        r'condition(":"|>|<.dt><dd><code>)(internal-server-error|resource-constraint|undefined-condition)',
        "an error stanza of somebody else",
    ),
    Allowed(501, r'condition(":"|>|<.dt><dd><code>)feature-not-implemented', "an error stanza of somebody else"),
    Allowed(501, r"has no ad-hoc commands \(XEP-0050\): it answers ", "an entity that has none"),
    Allowed(501, r"set the vCard of \S+: it was sent in his name, and is not there", "another caller has set it since"),
    Allowed(501, r"the avatar that he has published himself\s+comes before it", "ejabberd 23.01 cannot replace that"),
    Allowed(501, r"does not offer the command \S+#get-registered-users-list;", "Prosody has no list of accounts"),
    Allowed(501, r"grant http.localhost iq set for http://jabber.org/protocol/pubsub by XEP-0356", "ejabberd 23.01 cannot"),
    Allowed(502, r"answered the command with what cannot be used", "somebody else answers a command with something else"),
    Allowed(504, r'condition(":"|>|<.dt><dd><code>)remote-server-timeout', "an error stanza of somebody else"),
    Allowed(504, r"did not answer within 0\.\d+ s", "the request had a Prosody-Rest-Timeout of less than a second"),
    Allowed(504, r"/rest/(adhoc|avatar|stream)\S+ gave no result within 2 s", "who was asked does not answer, or with what is no reply"),
    Allowed(
        504, r"the server of (\S+@)?http\.localhost did not answer within 2 s", "the webhook of the test answers for these, when it can"
    ),
    *[
        Allowed(status, r"\A\Z", "to HEAD, so there are no words to go by; a link that is down is seen in the log")
        for status in (501, 503, 504)
    ],
)
"""All answers of 5xx that there may be."""


def is_allowed(answer: Answer) -> bool:
    """Tell whether an answer is no fault of the gateway."""
    text = answer.body.decode(errors="replace")
    return answer.status < 500 or any(allowed.status == answer.status and re.search(allowed.says, text) for allowed in ALLOWED)


def kind_of(answer: Answer) -> str:
    """Return what is the same of answers of one kind: the status, and the words without numbers and ids."""
    words = re.findall(rb"[a-z ]{4,}", re.sub(rb"<request_id.*|\"request_id.*|<[^>]*>", b"", answer.body[:2000]))
    return f"{answer.status} {b' '.join(words)[:200].decode()}"
