"""Names and addresses of hosts, and what verifies them."""

from __future__ import annotations

import ipaddress
import ssl


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, reached without a network.

    Args:
        host: a name or an IP address, perhaps in brackets. Of names only ``localhost`` counts, however it may be resolved.

    RFC 6761 §6.3, RFC 6890 §2.2
    """
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def tls_for(url: str) -> ssl.SSLContext:
    """Make what verifies the host of a URL, by the authorities of the system; ``SSL_CERT_FILE`` names others.

    To load them takes 20 ms and more: for ``http`` there are none, and no certificate is accepted.

    Args:
        url: an absolute one.

    RFC 9110 §4.3.4
    """
    return ssl.create_default_context() if url.lower().startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
