"""IP networks as settings name them."""

from __future__ import annotations

import ipaddress


def read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse an IP address or network.

    Args:
        text: such as ``127.0.0.1`` or ``10.0.0.0/8``.

    Raises:
        ValueError: it is none; the message says what to write where an address stands for its network, as ejabberd takes ``127.0.0.1/8``.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise error from None
        raise ValueError(f"it is an address in the network {meant}; write that") from None
