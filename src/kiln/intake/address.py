"""Which addresses belong to the public internet. Python's `is_global` alone lets multicast, NAT64 and 6to4 pass (3.11.7)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

_INTERNET6: Final = IPv6Network("2000::/3")
"""All that is handed out as global unicast (RFC 4291); everything else is local, special or not in use."""

_SPECIAL: Final = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("100.64.0.0/10"),  # shared by a provider's customers: neither global nor private to Python
    IPv4Network("168.63.129.16/32"),  # Azure's host, though of a public block
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv6Network("2001::/23"),  # protocol assignments, Teredo, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4 without a public address in it
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("5f00::/16"),  # segment routing
)


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may be reached there, and nobody else: not this machine, its network or its cloud."""
    inner = embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and (address.scope_id or address.is_site_local or address not in _INTERNET6):
        return False
    if address.is_multicast or address.is_reserved or address.is_loopback or address.is_link_local or address.is_unspecified:
        return False
    return address.is_global and not any(address in network for network in _SPECIAL if network.version == address.version)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address to which a packet for this IPv6 address may go in the end: mapped, NAT64, 6to4 or Teredo."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def parse(text: str) -> Address:
    """The address that a resolver gave. ValueError for anything else."""
    return ip_address(text)
