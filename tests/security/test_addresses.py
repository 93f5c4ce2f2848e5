"""Hosts that neither this process nor the provider may be made to ask."""

import asyncio
import json
from datetime import datetime, timezone
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.records.conftest import MemoryStore

from prefect_toapis.client.addresses import is_metadata, is_public, may_be_asked, reachable
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import BadRequest, InvalidRequest, ResultRefused
from prefect_toapis.client.references import reference
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import CharacterRequest, Request, VideoRequest
from prefect_toapis.client.result_host import GuardedTransport
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import why_not_public
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Character, Scene
from prefect_toapis.records.characters import MadeCharacter, read_made
from prefect_toapis.records.layout import upload_key
from prefect_toapis.records.uploads import find_upload
from prefect_toapis.simulator import Simulator

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
A = reference("ab" * 32)

METADATA = [
    *("169.254.169.254", "169.254.170.2", "169.254.0.23", "169.254.42.42", "168.63.129.16"),
    *("192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
    *("fe80::1", "fe80::a9fe:a9fe", "::ffff:169.254.169.254", "::ffff:168.63.129.16"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"),
    *("2002:a9fe:a9fe::", "2001:0:a9fe:a9fe::", "2001:0:808:808::5601:5601"),
    *("::169.254.169.254", "::ffff:0:a9fe:a9fe", "2606:4700::5efe:a9fe:a9fe"),
    *("fd00:42::42", "fd00:c1::a9fe:a9fe"),
]
PRIVATE = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "172.31.0.1", "192.0.0.1", "192.0.0.9"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "161.26.0.10", "166.8.0.1", "199.36.153.8"),
    *(
        "::",
        "::1",
        "::7f00:1",
        "100::1",
        "100:0:0:1::1",
        "64:ff9b:1::808:808",
        "fc00::1",
        "fd00::1",
    ),
    *("fec0::1", "ff02::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1"),
    *("3ffe::1", "5f00::1", "4000::1", "::ffff:10.0.0.1", "::ffff:0:7f00:1", "64:ff9b::a00:1"),
    *("2002:a00:1::", "2001:0:a00:1::", "2a00::5efe:a00:1", "2a00::200:5efe:a00:1"),
]
PUBLIC = [
    *("1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1"),
    *("198.17.255.255", "198.20.0.1", "223.255.255.255", "168.63.129.17", "161.27.0.1"),
    *("2606:4700::1111", "2a00::1", "2001:4860:4860::8888", "2001:200::1", "64:ff9b::808:808"),
    *("::ffff:8.8.8.8", "2a00::5efe:808:808", "2002:808:808::1"),
]
SPELLINGS = [  # of 127.0.0.1, as `inet_aton` and browsers take them
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1"),
    *(
        "017700000001",
        "127.0.0.1.",
        "0x7f.0x0.0x0.0x1",
        "%31%32%37.0.0.1",
        "127\u30020\u30020\u30021",
    ),
    *("\uff11\uff12\uff17.0.0.1", "[::1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]"),
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "a.localhost."),
    *("printer.local", "db.internal", "nas.lan", "router.home.arpa", "minio", "\u24dbocalhost"),
    *("wiki.corp", "tv.home", "a.intranet", "a.localdomain", "a.private", "db.default.svc"),
    *("127.0.0.1..", "127.0.%C2%AD0.1", "127.0.0.1%E2%80%8B", "127.0.0.1\ufe0f"),
]
METADATA_SPELLINGS = [
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *("169.254.169.254.", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "[fe80::1%25eth0]"),
    *("metadata.google.internal", "metadata.google.internal.", "METADATA.google.internal"),
    *("168.63.129.16", "100.100.100.200", "192.0.0.192", "0300.0.0.0300", "instance-data"),
    *("metadata", "metadata.goog", "metadata.azure.com", "metadata.azure.internal"),
    *("metadata.tencentyun.com", "instance-data.ec2.internal", "metadata.packet.net"),
    *("metadata.platformequinix.com", "169.254.169.254..", "169.254.169%C2%AD.254"),
]
NO_HOSTS = [
    *("1.2.3.4.5", "256.1", "08.1", "1.2.3.999", "127.0.0.1e1.7", "99999999999", "127..1"),
    *("127.0.0.1%00.m.example", "127.0.0.1%23.m.example", "127.0.0.1%2f.m.example", "m%20.example"),
    *("127.0.0.1%5c.m.example", "me%40m.example", "127.0.0.1%09.m.example", "127.0.0.1%3f.example"),
]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_services_are_never_asked(address: str) -> None:
    found = ip_address(address)
    assert is_metadata(found)
    assert not is_public(found)
    assert reachable([found], private=True) == []


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_globally_routable_is_private(address: str) -> None:
    found = ip_address(address)
    assert not is_public(found)
    assert reachable([found], private=False) == []


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert not is_metadata(ip_address(address))


@given(st.ip_addresses(v=4), st.ip_addresses(v=6, network="2a00::/64"))
def test_an_isatap_address_is_what_is_inside(inside: IPv4Address, around: IPv6Address) -> None:
    number = int(around) >> 64 << 64 | 0x5EFE << 32 | int(inside)
    assert is_public(IPv6Address(number)) is is_public(inside)


@given(st.ip_addresses(v=4), st.sampled_from(["{}", "{:#x}", "{:#o}"]))
def test_an_address_in_any_spelling_is_that_address(address: IPv4Address, form: str) -> None:
    number = int(address)
    octal = f"0{number:o}" if form == "{:#o}" else form.format(number)
    for host in (octal, f"{number >> 24}.{number & 0xFFFFFF}", f"{address}."):
        assert may_be_asked(host, private=False) is is_public(address), host


@given(st.text())
def test_any_text_can_be_asked_about(host: str) -> None:
    assert may_be_asked(host, private=False) <= may_be_asked(host, private=True)


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_reference_at_a_local_host_is_a_fault_unless_the_api_is_local(host: str) -> None:
    assert "can't be reached by the provider" in (why_not_public(f"http://{host}:80/a.png") or "")
    assert why_not_public(f"http://{host}/a.png", private=True) is None


@pytest.mark.parametrize("host", [*METADATA_SPELLINGS, *NO_HOSTS])
def test_a_reference_at_a_metadata_service_or_nowhere_is_always_a_fault(host: str) -> None:
    assert why_not_public(f"http://{host}/latest")
    assert why_not_public(f"http://{host}/latest", private=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1\\@m.example/a", "http://m.example\\@127.1/a"])
def test_a_url_that_two_readers_read_differently_is_a_fault(url: str) -> None:
    assert why_not_public(url, private=True)


LOCAL = "http://10.0.0.7/a.png"
EVIL = "http://169.254.169.254/latest/meta-data"
REQUESTS: list[Request] = [
    VideoRequest(prompt="A dog", image_urls=["https://m.example/a.png", LOCAL]),
    VideoRequest(prompt="A dog", character_url=LOCAL, character_timestamps="1,3"),
    VideoRequest(prompt="A dog", model="nobody-knows-it", extra={"mask": [{"url": LOCAL}]}),
    VideoRequest(prompt="A dog", model="viduq3-mix", extra={"metadata": {"anything": LOCAL}}),
    CharacterRequest(url=LOCAL, timestamps="1,3"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
def test_every_field_of_every_model_is_looked_at(request_: Request) -> None:
    catalogue = Catalogue.shipped()
    assert any("can't be reached" in str(fault) for fault in check(request_, catalogue))
    assert not any(
        "can't be reached" in str(fault) for fault in check(request_, catalogue, private=True)
    )
    text = request_.model_dump_json().replace(LOCAL, EVIL)
    evil = type(request_).model_validate_json(text)
    assert any("can't be reached" in one.rule for one in check(evil, catalogue, private=True))


@pytest.mark.parametrize(("url", "private", "faults"), [(LOCAL, False, 2), (LOCAL, True, 0)])
def test_a_plan_names_the_references_that_can_t_be_fetched(
    url: str, private: bool, faults: int
) -> None:
    spec = BatchSpec(
        scenes=[Scene(prompt="{character} runs", image_urls=[url])],
        characters=[Character(name="Duke", url=url, timestamps="1,3")],
    )
    assert len(plan_batch(spec, "b", "s3://videos", private=private).faults) == faults
    assert plan_batch(
        spec.model_copy(update={"scenes": [Scene(prompt="A dog", image_urls=[EVIL])]}),
        *("b", "s3://videos"),
        private=True,
    ).faults


@pytest.mark.parametrize(
    ("url", "refused"),
    [(LOCAL, BadRequest), (EVIL, InvalidRequest)],  # by the simulator, and before it is sent
)
async def test_to_an_api_at_home_go_references_at_home_but_no_metadata(
    url: str, refused: type[Exception], simulator: Simulator
) -> None:
    request = VideoRequest(prompt="A dog", image_urls=[url])
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url) as client:
        with pytest.raises(refused, match="can't be reached"):
            await client.submit(request)


async def test_an_upload_at_a_wrong_host_goes_into_no_request(simulator: Simulator) -> None:
    request = VideoRequest(prompt="A dog", image_urls=[A])
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url) as client:
        with pytest.raises(InvalidRequest, match="recorded at an unusable URL"):
            await client.submit(request, uploads={A: EVIL})
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize(
    ("url", "at_a_public_api", "at_a_private_one"),
    [
        ("https://files.example/a.png", True, True),
        ("http://192.168.1.1/a.png", False, True),
        ("http://localhost:80/a.png", False, True),
        (EVIL, False, False),
        ("http://2852039166/a.png", False, False),
        ("ftp://files.example/a.png", False, False),
        ("https://user@files.example/a.png", False, False),
        (f"https://files.example/{'a' * 9000}", False, False),
    ],
)
async def test_a_remembered_upload_is_checked_when_it_is_read(
    url: str, at_a_public_api: bool, at_a_private_one: bool
) -> None:
    store, upload = MemoryStore(), {"reference": A, "url": url, "name": "a.png"}
    upload |= {"uploaded_at": NOW.isoformat()}
    store.contents[upload_key(A)] = json.dumps(upload).encode()
    assert bool(await find_upload(A, store, NOW, lambda: False)) is at_a_public_api
    assert bool(await find_upload(A, store, NOW, lambda: True)) is at_a_private_one


@pytest.mark.parametrize(
    "damage",
    [
        {"url": EVIL},
        {"url": "javascript:alert(1)"},
        {"username": "../../x"},
        {"username": "a b"},
        {"task_id": EVIL},
        {"task_id": "https://evil.example/clip.mp4"},
        {"task_id": "x" * 501},
        {"from_task": "//evil.example/clip.mp4"},
    ],
)
def test_a_remembered_character_is_checked_when_it_is_read(damage: dict[str, str]) -> None:
    made = MadeCharacter(
        name="Duke", username="a.duke", url="https://m.example/duke.mp4", timestamps="1,3",
        model="sora-2", task_id="task_1", business_id="pt1", made_at=NOW,
    )  # fmt: skip
    store = MemoryStore()
    store.contents["characters/duke/character.json"] = made.to_json()
    assert asyncio.run(read_made("characters/duke", store)) == made
    damaged = {**json.loads(made.to_json()), **damage}
    store.contents["characters/duke/character.json"] = json.dumps(damaged).encode()
    assert asyncio.run(read_made("characters/duke", store)) is None


@pytest.mark.parametrize("host", ["metadata.google.internal", "db.internal", "0x7f.1"])
def test_behind_a_proxy_a_local_name_is_not_asked_for(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # it would be asked for the name

    def unknown(name: str) -> list[IPv4Address]:
        raise OSError(name)

    transport = GuardedTransport(private=False, resolved=unknown)
    with pytest.raises(ResultRefused, match="not at a public address"):
        transport.handle_request(httpx.Request("GET", f"http://{host}/"))
