"""Hypothesis strategies of what is sent on a connection: requests as bytes, and HTTP/1.1 at its edges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from tests.servers.fuzzing.callers import CALLERS, MARK
from tests.servers.fuzzing.routes import Request, requests
from tests.servers.fuzzing.values import Draw


@dataclass(frozen=True)
class Call:
    """What is sent on one connection.

    Args:
        pieces: one after another.
        answers: how many answers may be waited for.
        pause: seconds between pieces.
        ending: ``read``: the answers are waited for; ``half``: and the sending side is closed before; ``abort``: nothing is waited for.
        is_whole: whether it is HTTP as it should be, so that it must be answered.
    """

    pieces: tuple[bytes, ...]
    answers: int = 1
    pause: float = 0.0
    ending: Literal["read", "half", "abort"] = "read"
    is_whole: bool = True

    def as_(self, who: str) -> Call:
        """Return it with the headers of somebody, see :data:`CALLERS`."""
        return replace(self, pieces=tuple(piece.replace(MARK, CALLERS[who]) for piece in self.pieces))


CLOSE = (b"Connection", b"close")


@st.composite
def calls(draw: Draw) -> Call:
    """Return what somebody may send on a connection."""
    request = draw(requests())
    match draw(st.sampled_from(["plain"] * 10 + ["chunked", "slow", "pipelined", "half", "abort", "framing", "bytes", "head"])):
        case "plain":
            return Call((request.written(CLOSE),))
        case "chunked":
            return draw(_chunked(request))
        case "slow":
            data = request.written(CLOSE)
            cuts = sorted({draw(st.integers(0, len(data))) for _ in range(draw(st.integers(1, 4)))})
            pieces = tuple(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))
            return Call(pieces, pause=draw(st.sampled_from([0.0, 0.01, 0.2])))
        case "pipelined":
            others = draw(st.lists(requests(), min_size=1, max_size=4))
            data = request.written() + b"".join([other.written() for other in others[:-1]]) + others[-1].written(CLOSE)
            return Call((data,), answers=1 + len(others))
        case "half":
            return Call((request.written(CLOSE),), ending="half", is_whole=False)
        case "abort":
            data = request.written()
            return Call((data[: draw(st.integers(0, len(data)))],), ending="abort", is_whole=False)
        case "framing":
            return draw(_misframed(request))
        case "bytes":
            return draw(_damaged(request.written(CLOSE)))
    return draw(_odd_heads(request))


@st.composite
def _chunked(draw: Draw, request: Request) -> Call:
    body, chunks = request.body, []
    while body:
        size = draw(st.sampled_from([1, 7, 100, 100_000]))
        extension = draw(st.sampled_from([b"", b"", b";a=b", b" ;x", b';q="\\""']))
        chunks.append(b"%x%b\r\n%b\r\n" % (len(body[:size]), extension, body[:size]))
        body = body[size:]
        if len(chunks) > 50:
            chunks.append(b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
            break
    end = draw(
        st.sampled_from(
            [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n", b"", b"zz\r\n\r\n", b"-1\r\n\r\n", b"f" * 40 + b"\r\n"]
        )
    )
    head = request.head(CLOSE, (b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"Chunked", b"gzip, chunked"]))))
    return Call((head, *chunks, end), is_whole=False)


@st.composite
def _misframed(draw: Draw, request: Request) -> Call:
    length = len(request.body)
    lengths = [b"%d" % (length + 1), b"%d" % max(0, length - 1), b"-1", b"0", b"9" * 30, b"1, 1", b"0x1", b"", b"+1", b"1 1", b"2000000"]
    more = [(b"Content-Length", draw(st.sampled_from(lengths)))]
    if draw(st.booleans()):
        odd = [b"chunked", b"identity", b"chunked, chunked", b"xchunked", b"", b"chunked\r\n\tchunked"]
        more.append((draw(st.sampled_from([b"Transfer-Encoding", b"Content-Length", b"Transfer-Encoding "])), draw(st.sampled_from(odd))))
    if draw(st.integers(0, 3)) == 0:
        more.append((b"Expect", draw(st.sampled_from([b"100-continue", b"200-ok", b""]))))
    return Call((request.head(CLOSE, *more), request.body), ending=draw(st.sampled_from(["read", "half"])), is_whole=False)


@st.composite
def _damaged(draw: Draw, data: bytes) -> Call:
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.binary(max_size=4) | st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b":", b"\0", b"\xff", b"a" * 70_000]))
        data = data[:at] + new + data[at + draw(st.integers(0, 4)) :]
    return Call((data,), ending=draw(st.sampled_from(["read", "half"])), is_whole=False)


@st.composite
def _odd_heads(draw: Draw, request: Request) -> Call:
    path = request.path.encode()
    hosts = [b"", b"x:y", b"a b", b"[::1", b"\xff", b"a,b", b"x" * 300, b"a:99999", b"user@x", b"localhost\t", b"http://x/"]
    targets = [
        b"*",
        b"http://localhost" + path,
        b"http://" + path,
        b"x:1",
        b"//" + path,
        b"/%",
        b"/%ff%fe",
        b"/rest/" + b"a" * 20_000,
        b"\xe9",
    ]
    match draw(st.sampled_from(["host", "hosts", "no host", "target", "version", "method", "many", "header", "preface", "upgrade"])):
        case "host":
            data = request.head(target=b"", version=b"HTTP/1.1").replace(b"Host: localhost", b"Host: " + draw(st.sampled_from(hosts)), 1)
        case "hosts":
            data = request.head((b"Host", draw(st.sampled_from(hosts))))
        case "no host":
            data = request.head().replace(b"Host: localhost\r\n", b"", 1)
        case "target":
            data = request.head(CLOSE, target=draw(st.sampled_from(targets)))
        case "version":
            data = request.head(
                version=draw(st.sampled_from([b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/1.1 ", b"", b"http/1.1"]))
            )
        case "method":
            method = draw(st.sampled_from([b"CONNECT", b"TRACE", b"PRI", b"get", b"", b"PROPFIND", b"X" * 100, b"G\xc9T", b"QUERY"]))
            data = method + request.head(CLOSE).removeprefix(request.method.encode())
        case "many":
            data = request.head(
                *[(b"X-%d" % n, b"y" * draw(st.sampled_from([1, 400]))) for n in range(draw(st.sampled_from([150, 199, 250])))]
            )
        case "header":
            data = request.head(CLOSE, (draw(st.sampled_from([b"", b" X", b"X ", b"X\x00", b"\xe9", b":"])), draw(st.binary(max_size=8))))
        case "preface":
            data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + request.head()
        case _:
            data = request.written(
                (b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", draw(st.sampled_from([b"h2c", b"websocket", b""])))
            )
    return Call((data,), ending=draw(st.sampled_from(["read", "half"])), is_whole=False)
