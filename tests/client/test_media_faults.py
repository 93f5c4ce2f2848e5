"""Which files may be uploaded, by their first bytes and their size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.media import HEAD, SUFFIXES, Kind, media_fault, media_type

BOX = b"\x00\x00\x00\x20"
IMAGES = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/webp": b"RIFF\x0a\x0d\x0a\x00WEBPVP8 ",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
}
VIDEOS = {
    "video/mp4": BOX + b"ftypisom\x00\x00\x02\x00",
    "video/webm": b"\x1a\x45\xdf\xa3\x01\x00\x00\x00",
    "video/quicktime": BOX + b"ftypqt  \x00\x00\x02\x00",
}
NEITHER = [
    *(b"", b"GIF", b"%PDF-1.7", b"<html>", b"\x00" * 64, b"RIFF\x0a\x0d\x0a\x00WAVEfmt "),
    *(BOX + b"ftyp" + brand for brand in (b"heic", b"avif", b"mif1", b"M4A ")),
]


@pytest.mark.parametrize(("kind", "files"), [("image", IMAGES), ("video", VIDEOS)])
def test_a_type_is_told_by_the_first_bytes(kind: Kind, files: dict[str, bytes]) -> None:
    assert {media_type(head, kind) for head in files.values()} == set(files)
    assert {name: media_type(head, kind) for name, head in files.items()} == dict(
        zip(files, files, strict=True)
    )
    assert set(files) <= set(SUFFIXES)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        *(("image", head) for head in [*NEITHER, *VIDEOS.values()]),
        *(("video", head) for head in [*NEITHER, *IMAGES.values()]),
    ],
)
def test_what_is_of_another_type_has_none(kind: Kind, head: bytes) -> None:
    assert media_type(head, kind) is None


GIF, MP4 = IMAGES["image/gif"], VIDEOS["video/mp4"]
MB = 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "head", "size", "fault"),
    [
        ("image", GIF, len(GIF), None),
        ("image", GIF, 10 * MB, None),
        ("image", GIF, 10 * MB + 1, "10.5 MB exceeds the 10 MB limit for images"),
        ("video", MP4, 50 * MB, None),
        ("video", MP4, 50 * MB + 1, "52.4 MB exceeds the 50 MB limit for videos"),
        ("image", b"", 0, "it is empty"),
        ("video", b"", 0, "it is empty"),
        ("image", MP4, 99, "it is not a supported image type: JPEG, PNG, WebP or GIF"),
        ("video", GIF, 99, "it is not a supported video type: MP4, WebM or MOV"),
    ],
)
def test_what_the_api_takes_has_no_fault(
    kind: Kind, head: bytes, size: int, fault: str | None
) -> None:
    assert media_fault(head, size, kind) == fault


@given(st.binary(max_size=64), st.sampled_from(["image", "video"]))
def test_the_head_is_enough_to_tell_a_type(content: bytes, kind: Kind) -> None:
    assert media_type(content[:HEAD], kind) == media_type(content, kind)
