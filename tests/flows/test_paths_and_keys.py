"""Paths and URIs as users give them: each taken as it is, or refused in one plain sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prefect_toapis import (
    InvalidCatalogue,
    InvalidPrices,
    Manifest,
    VideoBucket,
)
from prefect_toapis.blocks.media_files import read_media
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.flows.inputs import read_files, read_spec_file
from prefect_toapis.planning.file_references import File, files_in
from prefect_toapis.planning.price_files import prices_in_use

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"

_NAME = (
    "'Studio' is not a valid bucket name: 3 to 63 lower-case letters, digits, hyphens and single "
    "dots, with a letter or digit at both ends, and not an IP address"
)
LOCAL = {
    "missing.png": "there is no such file here; a URL starts with https://",
    "text.png/cat.png": "there is no such file",
    "folder": "it is a directory, not a file",
    "empty.png": "it is empty",
    "large.png": "11.5 MB exceeds the 10 MB limit for images",
    "pipe.png": "it is a pipe, not a file",
    "/dev/zero": "it is a device, not a file",
    "text.png": "it is not a supported image type: JPEG, PNG, WebP or GIF",
    "loop.png": "too many levels of symbolic links",
    "": "the path is empty",
    f"{'x' * 300}.png": "file name too long",
    "S3://studio/cat.png": "it is a URL, not the path of a file",
}
STORED = {
    "s3://": "it names no bucket; give an object as s3://bucket/key",
    "s3:///cat.png": "it names no bucket; give an object as s3://bucket/key",
    "s3://studio": "it is a bucket; give an object as s3://bucket/key",
    "s3://studio/": "it is a bucket; give an object as s3://bucket/key",
    "s3://studio/stills/": "it is a folder; give an object as s3://bucket/key",
    "s3://Studio/cat.png": _NAME,
    "s3://studio/../cat.png": "it contains a . or .. part, which S3 takes literally",
    "s3://{bucket}/missing.png": "there is no such object",
    "s3://{bucket}/empty.png": "it is empty",
    "s3://{bucket}/large.png": "11.5 MB exceeds the 10 MB limit for images",
    "s3://{bucket}/text.png": "it is not a supported image type: JPEG, PNG, WebP or GIF",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files that can't be used."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(PNG + bytes(11 * 1024 * 1024))
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


@pytest.fixture
def at_root(aws_bucket: VideoBucket) -> VideoBucket:
    """A bucket without a prefix, with objects that can't be used."""
    bucket = aws_bucket.model_copy(update={"prefix": ""})
    bucket.write("empty.png", b"", "image/png")
    bucket.write("text.png", b"hello", "image/png")
    bucket.write("large.png", PNG + bytes(11 * 1024 * 1024), "image/png")
    return bucket


@pytest.mark.parametrize(("path", "why"), LOCAL.items())
async def test_an_image_on_disk_that_can_not_be_used(folder: Path, path: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await read_media(path, "image")
    assert refused.value.faults == [f"{path}: {why}"]


async def test_an_object_that_can_not_be_used(at_root: VideoBucket) -> None:
    for template, why in STORED.items():
        uri = template.format(bucket=at_root.bucket_name)
        with pytest.raises(InvalidRequest) as refused:
            await read_media(uri, "image", at_root.credentials)
        assert refused.value.faults == [f"{uri}: {why}"]
        found = await read_files([File(uri, "image")], at_root)
        assert list(found.reasons.values()) == [why]


async def test_a_spec_or_table_that_can_not_be_read(folder: Path, at_root: VideoBucket) -> None:
    of_images = ("empty", "large", "text.png", "there is no such file here")
    local = {path: why for path, why in LOCAL.items() if path not in {"empty.png", "text.png"}}
    reasons = local | STORED | {"missing.png": "there is no such file"}
    for template, why in reasons.items():
        path = template.format(bucket=at_root.bucket_name)
        if any(name in path for name in of_images):
            continue
        assert (await read_spec_file(path, at_root))[1] == [f"spec {path}: {why}"]


async def test_the_table_of_a_spec_that_can_not_be_read(folder: Path, bucket: VideoBucket) -> None:
    (folder / "folder.csv").mkdir()
    reasons = {
        "missing.csv": "there is no such file",
        "folder.csv": "it is a directory, not a file",
        "s3://studio.csv": "it is a bucket; give an object as s3://bucket/key",
    }
    for table, why in reasons.items():
        (folder / "lisbon.yaml").write_text(f'scenes: "{table}"')
        _, faults = await read_spec_file("lisbon.yaml", bucket)
        assert faults == [f"scenes {table}: {why}"]


async def test_a_bucket_that_is_not_there(at_root: VideoBucket) -> None:
    _, [fault] = await read_spec_file("s3://no-such-bucket-here/b.yaml", at_root)
    assert fault.startswith("spec: Can't read s3://no-such-bucket-here/b.yaml with")
    assert fault.endswith("Create the bucket, or correct its name.")
    assert fault.count("s3://") == 1


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "prices.yaml")

    (folder / "prices.yaml").write_text("[]")
    monkeypatch.setattr(os, "open", refuse)  # to root, nothing is forbidden
    monkeypatch.setenv("TOAPIS_PRICES", "prices.yaml")
    with pytest.raises(InvalidPrices) as refused:
        prices_in_use([])
    assert refused.value.message == "prices.yaml: no permission to read it"


NAMED = {
    "missing.yaml": "there is no such file",
    "text.png/x.yaml": "there is no such file",
    "folder": "it is a directory, not a file",
    "pipe.png": "it is a pipe, not a file",
    "loop.png": "too many levels of symbolic links",
}


@pytest.mark.parametrize(
    ("variable", "error", "read"),
    [
        ("TOAPIS_PRICES", InvalidPrices, lambda: prices_in_use([])),
        ("TOAPIS_CATALOGUE", InvalidCatalogue, Catalogue.current),
    ],
)
def test_a_file_that_a_variable_names(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    error: type[InvalidPrices | InvalidCatalogue],
    read: Callable[[], object],
) -> None:
    for path, why in NAMED.items():
        monkeypatch.setenv(variable, path)
        with pytest.raises(error) as refused:
            read()
        assert refused.value.message == f"{path}: {why}"


BUCKETS = {
    "studio": "'studio': give a bucket as s3://name/prefix",
    "s3://": "'s3://': give a bucket as s3://name/prefix",
    "https://studio": "a URL of another kind: give a bucket as s3://name/prefix",
    "s3://Studio/videos": _NAME,
    "s3://studio/../videos": "'../videos' contains a . or .. part, which S3 takes literally",
}


@pytest.mark.parametrize(("uri", "why"), BUCKETS.items())
def test_the_bucket_of_the_environment(monkeypatch: pytest.MonkeyPatch, uri: str, why: str) -> None:
    monkeypatch.setenv("TOAPIS_BUCKET", uri)
    with pytest.raises(ValueError, match="TOAPIS_BUCKET") as refused:
        VideoBucket.from_environment()
    assert str(refused.value) == f"TOAPIS_BUCKET: {why}"


MANIFESTS = {
    "missing": "missing/manifest.jsonl doesn't exist. A batch writes it at the end of a run.",
    "text.png": "text.png/manifest.jsonl doesn't exist. A batch writes it at the end of a run.",
    "loop.png": "loop.png/manifest.jsonl: too many levels of symbolic links",
    "s3://": "s3:///manifest.jsonl: it names no bucket; give an object as s3://bucket/key",
    "s3://Studio/lisbon": f"s3://Studio/lisbon/manifest.jsonl: {_NAME}",
    "ftp://studio/b": "ftp://studio/b/manifest.jsonl: unsupported scheme; use a path or s3://",
}


@pytest.mark.parametrize(("location", "why"), MANIFESTS.items())
def test_a_manifest_that_can_not_be_loaded(folder: Path, location: str, why: str) -> None:
    with pytest.raises((OSError, ValueError)) as refused:
        Manifest.load(location)
    assert str(refused.value) == why


KEYS = [
    *("stills//cat.png", "/cat.png", "//cat.png", "a cat.png", "cat+1.png", "cat%20.png"),
    *("Café ☕.png", "Bildschirmfoto\u202f1.png", "cat.png ", " cat.png", "cat#1.png", "cat?1.png"),
    *("cat|dog.png", "'cat'.png", "cat&dog=1;2.png", "s3://cat.png", "~/cat.png"),
]


@pytest.mark.parametrize("key", KEYS)
async def test_a_key_is_taken_as_it_is(
    aws_bucket: VideoBucket, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = aws_bucket.model_copy(update={"prefix": ""})
    bucket.write(key, PNG, "image/png")
    uri = f"s3://{bucket.bucket_name}/{key}"
    media = await read_media(uri, "image", bucket.credentials)
    assert (media.content, media.name) == (PNG, key.rpartition("/")[2])

    spec = f"{key}.yaml".lstrip("~")
    scene = '{"scenes": [{"prompt": "A cat", "image_urls": [%s]}]}'
    bucket.write(spec, (scene % f'"{uri}"').encode(), "application/yaml")
    found, faults = await read_spec_file(f"s3://{bucket.bucket_name}/{spec}", bucket)
    assert faults == []
    assert [file.path for file in files_in(found)] == [uri]


async def test_a_path_relative_to_a_key_keeps_the_rest_as_it_is(aws_bucket: VideoBucket) -> None:
    bucket = aws_bucket.model_copy(update={"prefix": ""})
    bucket.write("a//b c/spec.yaml", b"scenes: ../tables//p+1.csv", "application/yaml")
    bucket.write("a//tables//p+1.csv", b"prompt,image_urls\nA cat,../cat%201.png\n", "text/csv")
    bucket.write("a//cat%201.png", PNG, "image/png")
    found, faults = await read_spec_file(f"s3://{bucket.bucket_name}/a//b c/spec.yaml", bucket)
    assert faults == []
    [file] = files_in(found)
    assert (await read_files([file], bucket)).reasons == {}


async def test_clips_and_tables_in_s3_are_read_up_to_their_own_limits(
    aws_bucket: VideoBucket,
) -> None:
    aws_bucket.write("clip.mp4", MP4 + bytes(20_000_000), "video/mp4")
    media = await read_media(aws_bucket.uri("clip.mp4"), "video", aws_bucket.credentials)
    assert len(media.content) > 20_000_000
    row = f"A cat,{'x' * 100_000}\n"
    aws_bucket.write("p.csv", f"prompt,name\n{row * 170}".encode(), "text/csv")
    found, _ = await read_spec_file(aws_bucket.uri("p.csv"), aws_bucket)
    assert len(found.scenes) == 170
