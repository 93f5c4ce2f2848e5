"""Files in every field that the catalogue calls media: checked, uploaded once, known by content."""

import struct
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_toapis import (
    InvalidBatch,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    agenerate_from_spec,
)
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)


def png(width: int, height: int) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(height * (width + 1)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


# A model of each family: the fields with files, which stand for `picture` and `clip`.
FILES: list[tuple[str, dict[str, Any]]] = [
    ("sora-2", {"image_urls": ["picture"]}),
    ("Veo3.1-fast-official", {"image_urls": ["picture"], "lastFrame": "picture"}),
    ("gemini-omni-flash-preview-official", {"video_list": [{"video_url": "clip"}]}),
    ("seedance-2", {"image_with_roles": [{"url": "picture", "role": "first_frame"}]}),
    ("seedance-2-5", {"video_with_roles": [{"url": "clip", "role": "reference_video"}]}),
    (
        "kling-v3",
        {
            "reference_images": ["picture"],
            "image_with_roles": [{"url": "picture", "role": "last_frame"}],
        },
    ),
    ("kling-v3-omni", {"image_list": [{"image_url": "picture", "type": "first_frame"}]}),
    ("wan2.6-flash", {"reference_urls": ["clip"]}),
    ("MiniMax-Hailuo-02", {"image_urls": ["picture"], "last_frame_image": "picture"}),
    ("viduq3", {"image_urls": ["picture"], "subjects": [{"name": "Duke", "images": ["picture"]}]}),
    ("happyhorse-1.1", {"action": "video-edit", "url": "clip"}),
    ("grok-video-1.0", {"image": "picture", "reference_images": ["picture"]}),
]


def with_names(value: Any, names: dict[str, str]) -> Any:
    """A value with other texts in place of some."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [with_names(item, names) for item in value]
    if isinstance(value, dict):
        return {name: with_names(item, names) for name, item in value.items()}
    return value


@pytest.mark.parametrize(("model", "fields"), FILES, ids=[model for model, _ in FILES])
async def test_files_are_uploaded_once_and_sent_as_urls(
    make: Make, simulator: Simulator, tmp_path: Path, model: str, fields: dict[str, Any]
) -> None:
    def here(suffix: str) -> dict[str, str]:
        names = {"picture": f"picture{suffix}.png", "clip": f"clip{suffix}.mp4"}
        contents = {"picture": png(640, 360), "clip": MP4}
        paths = {kind: tmp_path / name for kind, name in names.items()}
        for kind, path in paths.items():
            path.write_bytes(contents[kind])
        return {kind: str(path) for kind, path in paths.items()}

    of_scene = Scene(name="dog", prompt="A dog", **with_names(fields, here("")))
    variant = Variant(name="v", model=model)
    manifest = await make([of_scene], variants=[variant])
    assert manifest.shots("stored") == 1
    uploads = {upload.kind: upload.url for upload in simulator.ledger.uploads}
    urls = {"picture": uploads.get("image", ""), "clip": uploads.get("video", "")}
    (paid,) = simulator.ledger.paid
    sent = {**paid.body, **paid.body.get("metadata", {})}
    assert {name: sent[name] for name in fields} == with_names(fields, urls)
    assert "sha256:" in manifest.rows[0].model_dump_json()

    renamed = Scene(name="dog", prompt="A dog", **with_names(fields, here("-again")))
    assert (await make([renamed], variants=[variant])).shots("stored") == 1
    assert (len(simulator.ledger.paid), len(simulator.ledger.uploads)) == (1, len(uploads))


async def test_files_are_checked_against_the_limits_of_their_model(
    make: Make, simulator: Simulator, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    wide.write_bytes(png(900, 100))
    scene = Scene(name="dog", prompt="A dog", image_urls=[str(wide)])
    variants = [Variant(model="sora-2-official"), Variant(model="MiniMax-Hailuo-2.3")]
    with pytest.raises(InvalidBatch) as raised:
        await make([scene], variants=variants)
    faults = "\n".join(raised.value.faults)
    assert "it is 900x100 pixels; this model takes 1280x720 or 720x1280 (sora-2-official)" in faults
    assert "it is 900x100 pixels; this model takes sides of 301" in faults
    assert str(wide) in faults
    assert (simulator.ledger.uploads, simulator.ledger.submissions) == ([], [])
    right = tmp_path / "right.png"
    right.write_bytes(png(1280, 720))
    await make([scene.model_copy(update={"image_urls": [str(right)]})], variants=variants[:1])
    assert len(simulator.ledger.paid) == 1


async def test_audio_is_taken_by_its_url_alone(
    make: Make, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3" + bytes(64))
    roles = [{"url": str(tmp_path / "song.mp3"), "role": "reference_audio"}]
    variant = Variant(model="seedance-2-5", audio_with_roles=roles)
    with pytest.raises(InvalidBatch, match="audio files can't be uploaded"):
        await make(["A dog"], variants=[variant])
    assert (simulator.ledger.uploads, simulator.ledger.submissions) == ([], [])
    public = [{"url": "https://media.example/song.mp3", "role": "reference_audio"}]
    await make(["A dog"], variants=[Variant(model="seedance-2-5", audio_with_roles=public)])
    assert simulator.ledger.paid[0].body["audio_with_roles"] == public


async def test_a_spec_in_the_bucket_names_no_file_of_the_worker(
    credentials: ToAPIsCredentials, bucket: VideoBucket, simulator: Simulator
) -> None:
    spec = (
        "scenes: [{prompt: A dog, reference_images: [/etc/dog.png]}]\n"
        "variants: [{model: kling-v3, image_with_roles: [{url: /etc/cat.png, role: reference}]}]\n"
    )
    bucket.write("specs/spec.yaml", spec.encode(), "text/yaml")
    with pytest.raises(InvalidBatch) as raised:
        await agenerate_from_spec(
            bucket.uri("specs/spec.yaml"), credentials=credentials, bucket=bucket
        )
    faults = [fault for fault in raised.value.faults if "can only name files in S3" in fault]
    assert len(faults) == 2
    assert simulator.ledger.uploads == []


async def test_what_is_written_goes_out_and_nothing_else(
    credentials: ToAPIsCredentials, bucket: VideoBucket, simulator: Simulator, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "scenes: [A dog]\n"
        "variants:\n"
        "- {name: a, watermark: false, storyboard: false, n: 1, duration: 10}\n"
        "- {name: b, model: KLING-v3, mode: std, audio: false, watermark: false}\n"
        "- {name: c, duration: 15}\n"
        "settings: {polling: {first_seconds: 0.05, interval_seconds: 0.1}}\n"
    )
    manifest = await agenerate_from_spec(str(spec), credentials=credentials, bucket=bucket)
    assert manifest.shots("stored") == 3
    bodies = sorted((paid.body for paid in simulator.ledger.paid), key=str)
    for body in bodies:
        assert body.pop("client_business_id")
    assert sorted(bodies, key=str) == sorted(
        [
            {
                "model": "sora-2",
                "prompt": "A dog",
                "duration": 10,
                "metadata": {"n": 1, "watermark": False, "storyboard": False},
            },
            {
                "model": "kling-v3",
                "prompt": "A dog",
                "mode": "std",
                "audio": False,
                "metadata": {"watermark": False},
            },
            {"model": "sora-2", "prompt": "A dog", "duration": 15},
        ],
        key=str,
    )
