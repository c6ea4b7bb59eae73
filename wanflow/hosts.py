"""Which hosts are public: what only this machine or its own network has is told apart, by text and by address."""

from __future__ import annotations

import ipaddress
import re
import socket

_OWN = re.compile(r"localhost|[^.]*|.*\.(localhost|local|internal|intranet|lan|home\.arpa)", re.IGNORECASE)
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # its last 32 bits are the IPv4 address that is meant

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(host: str) -> bool:
    """False for a host that only this machine, or its own network, has.

    By the text alone, since what a name stands for is decided by the proxy where there is one; names that say that
    they are private, and every way to write a number that systems take for an address, are known.
    """
    host = host.rstrip(".").partition("%")[0]
    found = numeric(host)
    return is_public_address(found) if found else not _OWN.fullmatch(host)


def numeric(host: str) -> Address | None:
    """The address that a host is in itself, however it is written (127.1, 0x7f000001, ::1); None of a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001, 2130706433
        except (OSError, UnicodeError, ValueError):
            return None


def is_public_address(address: Address) -> bool:
    """False for a private, loopback, link-local, multicast or reserved address, and for one that leads to such."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if inner := address.ipv4_mapped or address.sixtofour or _behind_nat64(address):
        return is_public_address(inner)
    return address in _UNICAST and address.is_global


def _behind_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
