"""Names and addresses of hosts."""

from __future__ import annotations

import ipaddress


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
