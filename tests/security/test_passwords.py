"""A password in a URL: refused or left out, and shown nowhere, whatever the URL is given as."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr
from tests.security.test_secrets import KEY, SECRET, shown

from prefect_toapis import (
    Manifest,
    RunSettings,
    S3Credentials,
    ToAPIsCredentials,
    VideoBucket,
    WebhookSettings,
)
from prefect_toapis.client.catalogue import VARIABLE, Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.result_host import proxy_for, result_client
from prefect_toapis.client.results import ResultReader, ResumePolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import api_root, without_queries, without_query
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.inputs import read_spec_file

PASSWORDS = [  # in a URL, in every form that a parser takes another way
    f"https://me:{SECRET}@api.example",
    f"https://{SECRET}@api.example/v1",
    f"https://me:{SECRET}/word@api.example",
    f"https://me:{SECRET}%40api.example",
    f"https://{SECRET}%40api.example",
    f"https://me:{SECRET}?@api.example",
    f"https://me:{SECRET}#/@api.example",
    f"https://api.example:{SECRET}",
    f"https://me:{SECRET}\\@api.example",
    f"https://me:{SECRET}@\u2100.example",  # NFKC makes a slash of it
    f"https://me:{SECRET}@[::1",
    f"ftp://me:{SECRET}@api.example",
    f"me:{SECRET}@api.example",
]


@pytest.mark.parametrize(
    "make",
    [
        lambda url: ToAPIsCredentials(api_key=KEY, base_url=url),
        lambda url: S3Credentials(endpoint_url=url),
        lambda url: S3Credentials(ca_bundle=f"https://me:{SECRET}@ca.example/ca.pem?{url}"),
        lambda url: RunSettings(webhooks=WebhookSettings(callback_url=url)),
        lambda url: VideoBucket(bucket_name=url),
        lambda url: VideoBucket.from_uri(f"{url}?sig={SECRET}"),
        api_root,
        lambda url: ToAPIsClient(KEY, url),
    ],
)
@pytest.mark.parametrize("url", PASSWORDS)
def test_a_password_in_a_url_is_refused_and_not_shown(
    make: Callable[[str], object], url: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make(url)
    assert SECRET not in f"{refused.value!s} {refused.value!r}"


def read_spec(url: str) -> None:
    _, faults = asyncio.run(read_spec_file(f"{url}/spec.yaml", None))
    raise InvalidBatch(faults)


def read_catalogue(url: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, url)
        Catalogue.current()


@pytest.mark.parametrize(
    "read",
    [
        read_spec,
        read_catalogue,
        lambda url: Manifest.load(f"{url}/manifest.jsonl"),
        lambda url: VideoBucket(bucket_name="studio", prefix=url),
    ],
)
@pytest.mark.parametrize("url", [f"https://me:{SECRET}@a.example", f"ftp://{SECRET}@a.example/x"])
def test_a_url_in_place_of_a_path_shows_no_password(
    read: Callable[[str], object], url: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read(url)
    assert SECRET not in f"{refused.value!s} {refused.value!r}"


@pytest.mark.parametrize(
    "password", [SECRET, f"{SECRET}/x", f"{SECRET}?x", f"{SECRET}#x", f"1a/{SECRET}"]
)
def test_a_password_is_in_no_text(password: str) -> None:
    url = f"https://me:{password}@cdn.example/a.png"
    assert without_query(url) == "https://cdn.example/a.png"
    for text in (url, f"see '{url}'", f'{{"a":"{url}"}}', url.replace("/", "\\/")):
        assert SECRET not in without_queries(text)
    assert SECRET not in str(ToAPIsError(f"can't reach {url}"))


@pytest.mark.parametrize(
    "url",
    [
        *("https://cdn.example/@me/a@2x.png", "https://cdn.example:8443/a@2x.png", "http://h:80/@"),
        *("http://[::1]:80/@me", "http://[fe80::1]/a:b@c", "s3://studio/a:b@c.mp4"),
    ],
)
def test_what_only_looks_like_a_password_stays(url: str) -> None:
    assert without_query(url) == without_queries(url) == url


@pytest.mark.parametrize(
    "url",
    ["https://api.example\\.other.example", "https://api.example:0", "https://api.example:65536"],
)
def test_an_address_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        api_root(url)


def test_an_endpoint_takes_no_parameters() -> None:
    for end in (f"?t={SECRET}", f"/#{SECRET}"):
        with pytest.raises(ValueError, match="without user, password and parameters") as refused:
            S3Credentials(endpoint_url=f"https://s3.example{end}")
        assert SECRET not in str(refused.value)


def test_a_query_of_a_base_url_is_left_out() -> None:
    credentials = ToAPIsCredentials(api_key=KEY, base_url=f"https://api.example/v1?t={SECRET}#x")
    assert credentials.base_url == "https://api.example/v1"
    assert SECRET not in repr(credentials) + repr(
        RunSettings(webhooks=WebhookSettings(callback_url=f"https://h/?{SECRET}"))
    )


def test_a_proxy_s_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:{SECRET}@proxy.example:3128")
    found = proxy_for(httpx.URL("https://cdn.example/v.mp4"))
    assert found
    assert SECRET in found.get_secret_value()
    assert SECRET not in repr(found)
    monkeypatch.setenv("https_proxy", f"socks9://me:{SECRET}@proxy.example:nonsense")
    with pytest.raises(ValueError, match="the proxy in the environment") as refused:
        ToAPIsClient(KEY)
    assert SECRET not in shown(refused.value)


@pytest.mark.parametrize("proxy", ["socks9://me:%s@proxy.example", "http://me:%s@proxy.example:x"])
def test_nor_is_that_of_a_proxy_of_results(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy % SECRET)
    with pytest.raises(ToAPIsError) as refused:
        ResultReader(SecretStr("http://93.184.216.34/v.mp4"), resume_policy=ResumePolicy.within(0))
    with pytest.raises(httpx.UnsupportedProtocol, match="the proxy in the environment") as unusable:
        result_client("https://api.example").get("http://93.184.216.34/v.mp4")
    for error in (refused.value, unusable.value):
        assert SECRET not in shown(error)


def test_an_endpoint_with_a_password_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://me:{SECRET}@s3.example")
    bucket = VideoBucket(bucket_name="studio", credentials=S3Credentials(region_name="eu-west-1"))
    with pytest.raises(ToAPIsError, match="holds a user name or password") as refused:
        bucket.read("a.txt")
    assert SECRET not in str(refused.value)
