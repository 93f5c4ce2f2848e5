"""Which addresses a result may lie at."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.addresses import (
    Address,
    is_metadata,
    is_private_host,
    is_public,
    reachable,
    resolve,
)

HOME = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    "fec0::1",
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::1"),
]
INTERNET = [
    *("93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    "2002:808:808::1",
]


@pytest.mark.parametrize(
    ("address", "public"), [*[(one, False) for one in HOME], *[(one, True) for one in INTERNET]]
)
def test_only_the_internet_is_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@given(st.ip_addresses(v=4))
def test_an_address_in_other_clothes_is_what_it_is(address: IPv4Address) -> None:
    public = is_public(address)
    mapped = IPv6Address(f"::ffff:{address}")
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))
    tunnelled = IPv6Address(0x2002 << 112 | int(address) << 80)
    assert [is_public(one) for one in (mapped, translated, tunnelled)] == [public] * 3


@given(st.lists(st.ip_addresses()))
def test_private_addresses_are_left_out_unless_the_api_is_private(addresses: list[Address]) -> None:
    assert not any(map(is_metadata, reachable(addresses, private=True)))
    assert {one for one in addresses if not is_metadata(one)} <= {
        *reachable(addresses, private=True)
    }
    assert all(map(is_public, reachable(addresses, private=False)))


@pytest.mark.parametrize("host", ["", ".", "a..b", f"{'a' * 70}.example"])
def test_what_is_no_name_has_no_address(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        resolve(host)


def test_names_of_this_machine_are_resolved() -> None:
    assert not any(map(is_public, resolve("localhost")))


@pytest.mark.parametrize(
    ("base_url", "addresses", "private"),
    [
        ("http://simulator.test:8765", ["127.0.0.1"], True),
        ("http://simulator.test", ["10.0.0.5", "fd12::1"], True),
        ("https://toapis.com", ["93.184.216.34"], False),
        ("https://toapis.com", ["93.184.216.34", "10.0.0.5"], False),
        ("https://toapis.com", [], False),
    ],
)
def test_an_api_lies_private_if_all_of_its_addresses_do(
    base_url: str, addresses: list[str], private: bool
) -> None:
    assert is_private_host(base_url, lambda _: list(map(ip_address, addresses))) is private


def test_a_name_that_only_a_proxy_knows_is_not_private() -> None:
    def unknown(host: str) -> list[Address]:
        raise OSError(host)

    assert is_private_host("https://toapis.com", unknown) is False
