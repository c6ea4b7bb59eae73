"""Which addresses are the internet's, and which only this machine, or its own network, has."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_OWN = re.compile(
    r"localhost|[^.]*|.*\.(localhost|local|localdomain[46]?|internal|intranet|lan|home|corp|home\.arpa)", re.IGNORECASE
)
# Networks whose addresses end in one of IPv4, to which they lead: translated (RFC 6052) and compatible (RFC 4291).
_EMBEDDING = (ip_network("64:ff9b::/96"), ip_network("::/96"))


def is_public(url: str) -> bool:
    """False for a URL that leads to what only this machine, or its own network, has.

    By the text alone, since what a name stands for is decided by the proxy where there is one; names that say that
    they are private, and every way to write a number that systems take for an address, are known.
    """
    return is_public_host(urlsplit(url).hostname or "")


def is_public_host(host: str) -> bool:
    """The same of a host, an address of IPv6 without brackets."""
    host = host.rstrip(".").partition("%")[0]
    address = numeric(host)
    return is_public_address(address) if address else not _OWN.fullmatch(host)


def numeric(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is in itself, however it is written (127.1, 0x7f000001, ::1); None of a name."""
    try:
        return ip_address(host)
    except ValueError:
        try:
            return ip_address(socket.inet_aton(host))
        except OSError:
            return None


def is_public_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is the internet's, and so is the one of IPv4 that it may stand for."""
    if isinstance(address, IPv6Address) and (inner := _inner(address)):
        return is_public_address(inner)
    is_obsolete = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or is_obsolete)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
