"""Which hosts may be contacted: by this process for results, by the provider for references.

A result's URL comes from the provider's reply, and untrusted input must not make this process
contact hosts of its own network, such as metadata services and databases (SSRF). The provider
fetches the URLs that a request names, so the same rules apply to them.

The tables are IANA's registries of special-purpose addresses ([D] RFC 6890 and its successors):
Python's own differ from version to version.
"""

import re
import socket
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote, urlsplit

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Sequence[Address]]

_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
            "168.63.129.16/32",  # Azure's host
            *("161.26.0.0/16", "166.8.0.0/14"),  # IBM Cloud's internal services
            "199.36.153.0/28",  # Google's private APIs
        ),
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")  # everything outside is special, or not assigned
_SPECIAL_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols; Teredo addresses are unpacked before
            *("2001:db8::/32", "3fff::/20"),  # documentation
            "3ffe::/16",  # the former 6bone
        ),
    )
)
# Reachable by network location alone: refused even if the API is at a private address.
_METADATA: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10")),  # link-local
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv4Network("100.100.100.200/32"),  # Alibaba
    *(IPv6Network("fd00:ec2::/32"), IPv6Network("fd20:ce::/32")),  # AWS, Google
    *(IPv6Network("fd00:42::42/128"), IPv6Network("fd00:c1::a9fe:a9fe/128")),  # Scaleway, Oracle
)
_METADATA_NAMES = frozenset(
    {"metadata", "instance-data", "metadata.google.internal", "metadata.goog", "metadata.azure.com"}
    | {"metadata.azure.internal", "metadata.tencentyun.com", "instance-data.ec2.internal"}
    | {"metadata.packet.net", "metadata.platformequinix.com"}
)
_LOCAL_NAMES = frozenset(  # top-level labels that don't exist in public DNS
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain"}
    | {"svc"}
)

_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_LAST_32_BITS = (
    *(_MAPPED, _NAT64, IPv6Network("::/96")),
    IPv6Network("::ffff:0:0:0/96"),  # RFC 2765, translated
)
_ISATAP = {0x00005EFE, 0x02005EFE}  # RFC 5214: the interface, before the IPv4 address
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
# Characters that no host contains, escaped or not: some parsers end the host there (WHATWG).
_IN_NO_HOST = re.compile(r"[\x00-\x20\x7f\"#%/<>?@\\^`{|}]")
_IGNORED = re.compile("[\u00ad\u034f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]")  # by IDNA


def is_public(address: Address) -> bool:
    """Whether an address is publicly routable.

    For IPv6 addresses that embed an IPv4 address (mapped, 6to4, Teredo, NAT64, ISATAP), the
    embedded address decides.

    Example:
        >>> is_public(ip_address("93.184.216.34")), is_public(ip_address("::ffff:169.254.169.254"))
        (True, False)
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if not all(map(is_public, inside := _embedded(address))):
        return False
    if inside and (address in _MAPPED or address in _NAT64 or address.teredo):
        return True
    return address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)


def is_metadata(address: Address) -> bool:
    """Whether an address is link-local, or a cloud's metadata or host service.

    Example:
        >>> is_metadata(ip_address("169.254.169.254")), is_metadata(ip_address("10.0.0.1"))
        (True, False)
    """
    inside = _embedded(address) if isinstance(address, IPv6Address) else []
    return any(each in network for each in [address, *inside] for network in _METADATA)


def resolve(host: str) -> list[Address]:
    """The addresses of a host, in the order in which to try them.

    Raises:
        OSError: The host can't be resolved.

    Example:
        >>> resolve("127.0.0.1")
        [IPv4Address('127.0.0.1')]
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or a label that is too long
        raise OSError(f"{host!r} is not a valid host name") from error
    texts = dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found)
    return [ip_address(text) for text in texts]


def reachable(addresses: Sequence[Address], *, private: bool) -> list[Address]:
    """The addresses of a host that may be contacted.

    Args:
        addresses: All addresses of the host.
        private: Whether the API itself is at a private address, so that results may be, too.
            Metadata services are refused even then.
    """
    return [
        address
        for address in addresses
        if is_public(address) or (private and not is_metadata(address))
    ]


def may_be_asked(host: str, *, private: bool) -> bool:
    """Whether a host may be contacted, as far as its name shows.

    Names are not resolved: that takes time, and the result may change. Names of local networks are
    recognised by their top-level label.

    Args:
        host: Of a URL; an IPv4 address may have any spelling that resolvers accept.
        private: Whether the API itself is at a private address.

    Example:
        >>> [may_be_asked(host, private=False) for host in ("a.example", "127.1", "0x7f000001")]
        [True, False, False]
        >>> may_be_asked("localhost", private=True), may_be_asked("169.254.169.254", private=True)
        (True, False)
    """
    name = _plain(host)
    if name in _METADATA_NAMES or _IN_NO_HOST.search(name):
        return False
    try:
        address = _address(name)
    except ValueError:  # it ends in a number, but isn't a valid address
        return False
    if address is not None:
        return bool(reachable([address], private=private))
    local = "." not in name or name.rpartition(".")[2] in _LOCAL_NAMES
    return private or not (local or name.endswith(".home.arpa"))


def is_private_host(base_url: str, resolved: Resolve = resolve) -> bool:
    """Whether all addresses of the API's host are private, as those of a local simulator.

    Args:
        base_url: The API's root.
        resolved: Resolves a host name.

    Example:
        >>> is_private_host("http://127.0.0.1:8765")
        True
    """
    try:
        return _all_private(urlsplit(base_url).hostname or "", resolved)
    except OSError:  # behind a proxy, the name may not resolve locally
        return False


@cache  # errors aren't cached: the name may resolve later
def _all_private(host: str, resolved: Resolve) -> bool:
    addresses = resolved(host)
    return bool(addresses) and not any(map(is_public, addresses))


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses embedded in an IPv6 address."""
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    if address in _LOCAL_NAT64:  # the prefix length is unknown: RFC 6052 has two positions
        return [last, IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)]
    isatap = (number >> 32) & 0xFFFFFFFF in _ISATAP
    return [last] if isatap or any(address in network for network in _LAST_32_BITS) else []


def _plain(host: str) -> str:
    """A host as a resolver reads it: without escapes, full-width letters and trailing dots."""
    text = _IGNORED.sub("", unicodedata.normalize("NFKC", unquote(host)))
    text = text.replace("\u3002", ".").casefold().strip("[]")
    return (text.partition("%")[0] if ":" in text else text).rstrip(".")  # without a zone


def _address(host: str) -> Address | None:
    """The address that a host spells; None for a name.

    IPv4 in the forms of `inet_aton`: one to four decimal, octal or hexadecimal numbers, of which
    the last fills the remaining bytes.

    Raises:
        ValueError: The host ends in a number, but isn't a valid address.
    """
    if ":" in host:
        return ip_address(host)
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    *first, last = [_number(part) for part in parts]
    if len(parts) > 4 or any(byte > 255 for byte in first) or last >= 256 ** (5 - len(parts)):
        raise ValueError(f"{host!r} is not a valid address")
    high = sum(byte << 8 * (3 - index) for index, byte in enumerate(first))
    return IPv4Address(high + last)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or len(text) > 40:
        raise ValueError(f"{text!r} is not a number")
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") else int(text)
