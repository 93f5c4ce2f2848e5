"""The block with the API key."""

import pytest
from pydantic import SecretStr, ValidationError

from prefect_toapis.blocks import ToAPIsCredentials


def credentials(key: str) -> ToAPIsCredentials:
    return ToAPIsCredentials(api_key=SecretStr(key))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("**********", "is masked"),
        ("********", "is masked"),
        ("sk-1 ", "white space"),
        ("sk-1\n", "white space"),
        ("sk-\u2013", "other invalid characters"),
    ],
)
def test_a_key_that_cannot_be_one_is_noticed(key: str, expected: str) -> None:
    problem = credentials(key).problem()
    assert problem is not None
    assert expected in problem


@pytest.mark.parametrize("key", ["sk-0123456789abcdef", "k", "sk-*star*"])
def test_any_other_key_has_no_problem(key: str) -> None:
    assert credentials(key).problem() is None


def test_a_masked_key_says_what_to_do() -> None:
    problem = credentials("*" * 10).problem()
    assert problem is not None
    assert "save the block" in problem


@pytest.mark.parametrize(
    "url", ["https://toapis.com", "https://toapis.com/v1/", "http://127.0.0.1:8080/v1"]
)
def test_the_base_url_stays_as_typed(url: str) -> None:
    assert ToAPIsCredentials(api_key=SecretStr("k"), base_url=url).base_url == url


@pytest.mark.parametrize("url", ["", "toapis.com", "ftp://toapis.com", "https://"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="give an http"):
        ToAPIsCredentials(api_key=SecretStr("k"), base_url=url)


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_the_environment_has_no_credentials(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.delenv("TOAPIS_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("TOAPIS_API_KEY", key)
    assert ToAPIsCredentials.from_environment() is None


def test_the_environment_gives_key_and_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOAPIS_API_KEY", "sk-env\n")
    monkeypatch.setenv("TOAPIS_BASE_URL", "https://proxy.example/v1")
    found = ToAPIsCredentials.from_environment()
    assert found is not None
    assert found.api_key.get_secret_value() == "sk-env"
    assert found.base_url == "https://proxy.example/v1"


def test_the_base_url_of_the_environment_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOAPIS_API_KEY", "sk-env")
    monkeypatch.delenv("TOAPIS_BASE_URL", raising=False)
    found = ToAPIsCredentials.from_environment()
    assert found is not None
    assert found.base_url == "https://toapis.com"


def test_the_key_is_never_shown() -> None:
    block = credentials("sk-very-secret")
    assert "very-secret" not in f"{block!r} {block} {block.model_dump_json()}"
