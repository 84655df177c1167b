"""Messages that say why there is no link to the server, and what to check.

Servers refuse a component in many ways, some without a word, and each is the answer to a wrong secret on one of them. So whatever ends
a stream before the handshake was accepted, the message names the secret.
"""

from __future__ import annotations

from tigrest.backends.component.slicer import StreamEnded

_TLS_RECORDS = (0x15, 0x16)
"""Types of TLS records that a server may begin with: alert, handshake. RFC 8446 §5.1"""


def not_yet(server: str) -> str:
    """Return the message for the time before the first answer.

    Args:
        server: host and port.
    """
    return f"{server} has not answered yet; check [xmpp] host and port"


def unreachable(error: Exception, server: str) -> str:
    """Return the message for a connection that was not made.

    Args:
        error: of the connection; a ``TimeoutError`` says nothing itself.
        server: host and port.
    """
    reason = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
    return f"{server} cannot be reached: {reason}; check [xmpp] host and port, and that the server runs"


def handshake_trouble(error: StreamEnded, jid: str, server: str) -> str:
    """Return the message for a stream that ended before the server had accepted the handshake.

    Args:
        error: its end.
        jid: our address.
        server: host and port.

    XEP-0114 §3, RFC 6120 §4.9.3
    """
    cures = {
        "not-authorized": "the secret is wrong: check the secret, [xmpp] secret must be the one that the server has for this component",
        "host-unknown": f"the server does not know the component {jid}; configure it there, or correct [xmpp] jid; then check the secret",
        "conflict": f"another program is connected as {jid}; stop it, or let the server kick the old connection; if there is none, "
        "check the secret",
        "internal-server-error": f"the server failed: Openfire says so when it has no secret for the component {jid}; configure it there, "
        "or correct [xmpp] jid; then check the secret",
    }
    if error.condition in cures:
        return f"{cures[error.condition]} ({error.condition})"
    cure = f"check the secret ([xmpp] secret), and that the server knows the component {jid}"
    cure = "check [xmpp] host and port, then check the secret" if error.is_elsewhere else cure
    return f"{server} did not accept the handshake: {error}; {cure}"


def stranger(data: bytes) -> str:
    """Tell who answers, where it is no XMPP server; empty when that cannot be told.

    Args:
        data: the first bytes that came.

    RFC 9112 §4, RFC 8446 §5.1
    """
    if data.startswith(b"HTTP/"):
        return "an HTTP server answers there, not an XMPP server"
    if data[:1] and data[0] in _TLS_RECORDS and data[1:2] == b"\x03":
        return "a TLS server answers there, and a component has no TLS"
    return ""
