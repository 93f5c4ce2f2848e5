"""What can be told from a URL by looking at it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefect_toapis.client.urls import api_root, why_not_public, without_queries, without_signature


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("https://toapis.com", "https://toapis.com"),
        ("https://toapis.com/", "https://toapis.com"),
        ("https://toapis.com/v1", "https://toapis.com"),
        ("https://toapis.com/v1/", "https://toapis.com"),
        ("https://toapis.com//v1//", "https://toapis.com"),
        (" https://toapis.com/v1 \n", "https://toapis.com"),
        ("https://api.toapis.com", "https://api.toapis.com"),
        ("http://127.0.0.1:8765/v1", "http://127.0.0.1:8765"),
        ("https://gateway.example/toapis/v1", "https://gateway.example/toapis"),
        ("https://toapis.com/v1?x=1#y", "https://toapis.com"),
        ("HTTPS://ToAPIs.com/v1", "https://ToAPIs.com"),
        ("https://toapis.com/v10", "https://toapis.com/v10"),
    ],
)
def test_the_path_of_a_base_url_is_normalised_and_its_host_stays(typed: str, root: str) -> None:
    assert api_root(typed) == root
    assert api_root(root) == root


@pytest.mark.parametrize(
    "typed",
    ["", "toapis.com", "ftp://toapis.com", "https://", "https://[", "https://me:pass@toapis.com"],
)
def test_a_base_url_that_is_none_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        api_root(typed)


def test_the_refusal_of_a_base_url_shows_no_password() -> None:
    with pytest.raises(ValueError, match="base_url") as refused:
        api_root("ftp://me:s3cr3t@toapis.com")
    assert "s3cr3t" not in str(refused.value)


PLAIN = "https://cdn.example/cat.png"


@pytest.mark.parametrize(
    "signature",
    [
        "X-Amz-Algorithm=A&X-Amz-Credential=B&X-Amz-Date=C&X-Amz-Expires=60&X-Amz-Signature=s",
        "x-amz-security-token=s",
        "X-Goog-Algorithm=A&X-Goog-Signature=s",
        "AWSAccessKeyId=A&Expires=1&Signature=s",
        "GoogleAccessId=A&Expires=1&Signature=s",
        "OSSAccessKeyId=A&Expires=1&Signature=s&security-token=t",
        "x-oss-signature-version=OSS4&x-oss-signature=s",
        "q-sign-algorithm=sha1&q-ak=A&q-sign-time=1&q-key-time=1&q-header-list=&q-signature=s",
        "q-url-param-list=&q-signature=s&x-cos-security-token=t",
        "Policy=p&Signature=s&Key-Pair-Id=k",
        "sv=2022&st=a&se=b&sr=b&sp=r&spr=https&sip=1&sig=s",
        "skoid=a&sktid=b&skt=c&ske=d&sks=b&skv=e&sig=s",
        "token=t&expires=1",
        "X%2DAmz%2DSignature=s",
    ],
)
def test_every_kind_of_signature_is_left_out(signature: str) -> None:
    assert without_signature(f"{PLAIN}?{signature}") == PLAIN
    assert without_signature(f"{PLAIN}?size=2&{signature}&v=3") == f"{PLAIN}?size=2&v=3"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (PLAIN, PLAIN),
        (f"{PLAIN}?size=2&empty=&flag", f"{PLAIN}?size=2&empty=&flag"),
        (f"{PLAIN}?q=a%20b+c%FF", f"{PLAIN}?q=a%20b+c%FF"),
        (f"{PLAIN}?a=1&a=2", f"{PLAIN}?a=1&a=2"),
        (f"{PLAIN}#part", PLAIN),
        ("https://me:pass@cdn.example:8443/a@b.png", "https://cdn.example:8443/a@b.png"),
        ("https://me:pass@cdn.example", "https://cdn.example"),
        ("http://[?sig=s", "http://["),
        ("not a url", "not a url"),
        ("", ""),
    ],
)
def test_the_rest_of_a_url_stays_as_it_is(url: str, kept: str) -> None:
    assert without_signature(url) == kept


url_pieces = st.lists(
    st.sampled_from(["http", "://", "//", "/", "@", ":", "?", "#", "&", "=", "sig", "Expires", "a"])
    | st.characters(categories=["L", "P", "Cs"]),
    max_size=20,
)


@given(st.text() | url_pieces.map("".join))
@example("http:////user@host/?sig=1&&")
@example("http://host/?a=\ud800")
def test_taking_signatures_away_twice_is_taking_them_away_once(url: str) -> None:
    once = without_signature(url)
    assert without_signature(once) == once


@given(st.text(alphabet="abc/?&=.%2", max_size=20))
def test_two_signed_links_to_one_object_become_the_same_text(path: str) -> None:
    mark = "&" if "?" in path else "?"
    one, two = (
        without_signature(f"https://x.example/{path}{mark}X-Amz-Date={day}&X-Amz-Signature={sign}")
        for day, sign in (("1", "aa"), ("2", "bb"))
    )
    assert one == two


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://a.example/b?sig=s3cr3t, now", "see https://a.example/b now"),
        ('{"url": "https://a.example/b?sig=s3cr3t"}', '{"url": "https://a.example/b"}'),
        (
            r'{"url":"https://a.example/b?x=1\u0026X-Amz-Signature=s3cr3t","n":1}',
            '{"url":"https://a.example/b","n":1}',
        ),
        (
            r'{"url":"https:\/\/a.example\/b?X-Amz-Signature=s3cr3t"}',
            r'{"url":"https:\/\/a.example\/b"}',
        ),
        ("<a href='http://a.example/b?sig=s3cr3t&amp;c=d'>x</a>", "<a href='http://a.example/b'>"),
        ("https://a.example/b is fine? yes", "https://a.example/b is fine? yes"),
        ("two http://a.example/?s3cr3t http://b.example/?s3cr3t", "two http://a.example/ http://b"),
    ],
)
def test_text_from_elsewhere_loses_the_queries_of_its_urls(text: str, shown: str) -> None:
    assert without_queries(text).startswith(shown)
    assert "s3cr3t" not in without_queries(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example/a.png",
        "http://media.example/a.png?X-Amz-Signature=s",
        "https://media.example:8443/a",
        "https://93.184.216.34/a.png",
        "https://[2606:2800:220:1::1]/a.png",
        "HTTPS://MEDIA.example/a.png",
    ],
)
def test_a_public_url_has_nothing_against_it(url: str) -> None:
    assert why_not_public(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("data:image/png;base64,iVBOR", "data: URLs are no longer accepted"),
        ("iVBORw0KGgo=", "base64 is no longer accepted"),
        ("DATA:image/png;base64,iVBOR", "base64 is no longer accepted"),
        ("", "not a URL"),
        ("//media.example/a.png", "not a URL"),
        ("media.example/a.png", "not a URL"),
        ("mailto:somebody", "not a URL"),
        ("http://[", "not a URL"),
        ("ftp://media.example/a.png", "ftp:// can't be fetched"),
        ("s3://bucket/a.png", "s3:// can't be fetched"),
        ("file:///a.png", "file:// can't be fetched"),
        ("https:///a.png", "it has no host"),
        ("http:a.png", "it has no host"),
        ("http://localhost:9000/a.png", "localhost can't be reached"),
        ("http://127.0.0.1/a.png", "127.0.0.1 can't be reached"),
        ("http://192.168.1.4/a.png", "192.168.1.4 can't be reached"),
        ("http://169.254.169.254/a.png", "169.254.169.254 can't be reached"),
        ("http://[::1]/a.png", "::1 can't be reached"),
    ],
)
def test_what_the_provider_can_t_fetch_is_told(url: str, why: str) -> None:
    assert why in (why_not_public(url) or "")


@given(st.text() | url_pieces.map("".join))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert why_not_public(text) != ""
    assert len(without_queries(text)) <= len(text)
