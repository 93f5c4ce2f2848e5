"""Which addresses a result may be fetched from.

A result's URL comes from the provider's reply, and what comes from elsewhere must not make this
process ask hosts of the network it runs in: metadata services, databases, printers.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Sequence[Address]]

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet, and not to a network at home.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) decides.

    Example:
        >>> is_public(ip_address("93.184.216.34")), is_public(ip_address("::ffff:169.254.169.254"))
        (True, False)
    """
    if isinstance(address, IPv6Address):
        if inner := _embedded(address):
            return all(map(is_public, inner))
        if address.is_site_local:  # deprecated, and not private by Python's tables
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolve(host: str) -> list[Address]:
    """Every address of a host, in the order in which they should be tried.

    Raises:
        OSError: It has none.

    Example:
        >>> resolve("127.0.0.1")
        [IPv4Address('127.0.0.1')]
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one that is too long
        raise OSError(f"{host!r} is no name of a host") from error
    texts = dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found)
    return [ip_address(text) for text in texts]


def reachable(addresses: Sequence[Address], *, private: bool) -> list[Address]:
    """Those of a host's addresses that may be asked.

    Args:
        addresses: All of them.
        private: Whether the API itself is at an address that isn't public.
    """
    return [address for address in addresses if private or is_public(address)]


def lies_private(base_url: str, resolved: Resolve = resolve) -> bool:
    """Whether the API is at no public address, as a simulator is: then its results may be, too.

    Args:
        base_url: The API's root.
        resolved: Finds a host's addresses.

    Example:
        >>> lies_private("http://127.0.0.1:8765")
        True
    """
    host = urlsplit(base_url).hostname or ""
    try:
        addresses = resolved(host)
    except OSError:  # behind a proxy, names may not be known here
        return False
    return bool(addresses) and not any(map(is_public, addresses))


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return []
