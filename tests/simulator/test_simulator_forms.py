"""Forms: read as HTTP clients write them."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.simulator.forms import FormFile, form_files


def _read(request: httpx.Request) -> dict[str, FormFile]:
    return form_files(request.headers["Content-Type"], request.read())


@given(st.binary(), st.binary())
def test_files_come_out_as_they_went_in(first: bytes, second: bytes) -> None:
    files = {"file": ("a.bin", first), "other": ("b.bin", second)}
    request = httpx.Request("POST", "http://x", files=files, data={"purpose": "generation"})
    assert _read(request) == {
        "file": FormFile("a.bin", first),
        "other": FormFile("b.bin", second),
    }


@pytest.mark.parametrize("content", [b"\r\n", b"\r\n\r\n", b"--", b"\r\n--", b"\n\r\n--x\r\n"])
def test_a_file_may_hold_what_looks_like_a_form(content: bytes) -> None:
    request = httpx.Request("POST", "http://x", files={"file": ("a.bin", content)})
    assert _read(request)["file"].content == content


@pytest.mark.parametrize("name", ["猫.png", "schön; b=c.png", "a b.png", ""])
def test_a_file_keeps_its_name(name: str) -> None:
    request = httpx.Request("POST", "http://x", files={"file": (name, b"x")})
    assert [file.name for file in _read(request).values()] == ([name] if name else [])


@given(st.binary(), st.sampled_from(["multipart/form-data; boundary=x", "image/png", "", ";="]))
def test_what_is_no_form_holds_no_files(body: bytes, content_type: str) -> None:
    assert form_files(content_type, body) == {}
