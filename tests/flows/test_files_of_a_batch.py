"""Files in place of URLs: checked before paying, uploaded once, known by content; and remixes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_toapis import (
    Character,
    RemixRequest,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    VideoRequest,
    agenerate_from_spec,
    aremix_video,
    asubmit_video,
    aupload_clip,
    aupload_image,
)
from prefect_toapis.blocks import BucketStore
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.records.characters import read_all
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)
SHORT: dict[str, Any] = {"model": "sora-2-vip", "duration": 1}


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


async def test_a_content_is_uploaded_once_and_its_name_is_no_identity(
    make: Make, simulator: Simulator, bucket: VideoBucket, tmp_path: Path
) -> None:
    image = written(tmp_path, "tram.png", PNG)
    bucket.write("in/clip.mp4", MP4, "video/mp4")
    told: dict[str, Any] = {"image_urls": [image], "character_url": bucket.uri("in/clip.mp4")}
    manifest = await make([Scene(prompt="A tram", **told), Scene(prompt="A market", **told)])
    assert manifest.shots("stored") == 2
    assert sorted(one.kind for one in simulator.ledger.uploads) == ["image", "video"]
    urls = {one.url for one in simulator.ledger.uploads}
    for paid in simulator.ledger.paid:
        sent = {*paid.body["image_urls"], paid.body["metadata"]["character_url"]}
        assert sent == urls
    assert all(row.request["image_urls"][0].startswith("sha256:") for row in manifest.rows)

    told["image_urls"] = [written(tmp_path, "renamed.png", PNG)]
    again = await make([Scene(prompt="A tram", **told), Scene(prompt="A market", **told)])
    assert again.shots("stored") == again.shots() == 2
    assert (len(simulator.ledger.paid), len(simulator.ledger.uploads)) == (2, 2)

    told["image_urls"] = [written(tmp_path, "renamed.png", PNG + b"other")]
    await make([Scene(prompt="A tram", **told)])
    assert (len(simulator.ledger.paid), len(simulator.ledger.uploads)) == (3, 3)


async def test_faults_of_files_come_with_all_others_before_anything_is_sent(
    make: Make, simulator: Simulator, bucket: VideoBucket, tmp_path: Path
) -> None:
    text = written(tmp_path, "no-image.png", b"hello there")
    scene = Scene(name="a", prompt="A dog", image_urls=[text, "./missing.png"])
    clip = Character(name="Duke", url=bucket.uri("no/clip.mp4"), timestamps="1,9")
    with pytest.raises(InvalidBatch) as raised:
        await make([scene, "{character} runs"], characters=[clip])
    faults = "\n".join(raised.value.faults)
    assert 'scene "a": ' in faults
    assert "no-image.png: it is not a supported image type" in faults
    assert "./missing.png: there is no such file here" in faults
    assert 'character "Duke": ' in faults
    assert "there is no such object" in faults
    assert "timestamps" in faults
    assert len(raised.value.faults) == 4
    assert (simulator.ledger.submissions, simulator.ledger.uploads) == ([], [])


async def test_paths_in_a_spec_are_meant_from_where_it_lies(
    credentials: ToAPIsCredentials, bucket: VideoBucket, simulator: Simulator, tmp_path: Path
) -> None:
    written(tmp_path, "tram.png", PNG)
    spec = "batch: b\nscenes: [{prompt: A tram, image_urls: [tram.png]}]\n"
    (tmp_path / "spec.yaml").write_text(spec)
    bucket.write("specs/spec.yaml", spec.encode(), "text/yaml")
    bucket.write("specs/tram.png", PNG, "image/png")
    told: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "dry_run": True}
    ids = set()
    for path in (str(tmp_path / "spec.yaml"), bucket.uri("specs/spec.yaml")):
        manifest = await agenerate_from_spec(path, **told)
        ids.add(manifest.rows[0].shot_id)
    assert len(ids) == 1
    assert simulator.ledger.uploads == []


async def test_the_upload_tasks_check_by_content_and_remember_in_the_bucket(
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    told: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    url = await aupload_image(written(tmp_path, "a.png", PNG), **told)
    assert await aupload_image(written(tmp_path, "b.jpg", PNG), **told) == url
    assert await aupload_clip(written(tmp_path, "a.mp4", MP4), **told) != url
    assert [one.kind for one in simulator.ledger.uploads] == ["image", "video"]
    with pytest.raises(InvalidRequest, match="it is not a supported video type"):
        await aupload_clip(tmp_path / "a.png", **told)
    with pytest.raises(InvalidRequest, match="exceeds the 10 MB limit"):
        await aupload_image(written(tmp_path, "big.png", PNG + bytes(11 * 2**20)), **told)
    assert len(simulator.ledger.uploads) == 2


async def test_a_request_may_name_a_file_and_is_known_by_its_content(
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    told: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    for name in ("a.png", "b.png"):
        image = written(tmp_path, name, PNG)
        await asubmit_video(VideoRequest(prompt="A dog", image_urls=[image]), **told)
    assert (len(simulator.ledger.paid), len(simulator.ledger.uploads)) == (1, 1)
    image = written(tmp_path, "c.png", PNG)
    told["bucket"] = None
    await asubmit_video(VideoRequest(prompt="A dog", image_urls=[image]), **told)
    assert (len(simulator.ledger.paid), len(simulator.ledger.uploads)) == (2, 2)


async def test_a_remix_is_bought_once_and_a_private_video_is_refused(
    make: Make,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    simulator: Simulator,
) -> None:
    variants = [Variant(name="open", **SHORT), Variant(name="shut", private=True, **SHORT)]
    first = await make([Scene(name="dog", prompt="A dog")], variants=variants)
    task = next(row.task_id for row in first.rows if row.variant == "open")
    told: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    request = RemixRequest(task_id=task, prompt="At night")
    bought = await aremix_video(request, **told)
    assert (await aremix_video(request, **told)).task_id == bought.task_id
    assert [one.remix_of for one in simulator.ledger.paid] == [None, None, task]

    scenes = [
        Scene(name="by shot", prompt="In snow", remix_of="b/dog/open"),
        Scene(name="by id", prompt="In rain", remix_of=task),
    ]
    plain = [Variant(name="plain")]
    second = await make(scenes, variants=plain, batch="remixed")
    assert second.shots("stored") == 2
    assert [one.remix_of for one in simulator.ledger.paid[3:]] == [task, task]
    again = await make(scenes, variants=plain, batch="remixed")
    assert again.shots("stored") == 2
    assert len(simulator.ledger.paid) == 5

    scenes = [
        Scene(prompt="In fog", remix_of="b/dog / shut"),
        Scene(prompt="In fog, too", remix_of="b/cat"),
        Scene(prompt="In fog, again", remix_of="never/dog"),
    ]
    with pytest.raises(InvalidBatch) as raised:
        await make(scenes, variants=plain, batch="not remixed")
    faults = "\n".join(raised.value.faults)
    assert "private videos can't be remixed" in faults
    assert 'batch "b" has no shot "cat"' in faults
    assert "never/manifest.jsonl" in faults
    with pytest.raises(InvalidBatch, match="not allowed in a remix"):
        await make([Scene(prompt="In fog", remix_of=task)], variants=[Variant(style="comic")])
    assert len(simulator.ledger.submissions) == 5


async def test_a_made_character_may_be_given_as_character_url(
    make: Make, simulator: Simulator, tmp_path: Path
) -> None:
    duke = Character(name="Duke", url=written(tmp_path, "duke.mp4", MP4), timestamps="1,3")
    scene = Scene(prompt="He runs", character_url="{character}")
    manifest = await make([scene], characters=[duke])
    assert manifest.shots("stored") == 1
    creation, video = simulator.ledger.paid
    assert (creation.kind, video.kind) == ("character", "video")
    assert video.body["metadata"]["character_url"] == creation.task_id
    await make([scene], characters=[duke])
    assert len(simulator.ledger.paid) == 2
    known = Character(name="Cat", username="a.cat")
    with pytest.raises(InvalidBatch, match=r"@a\.cat exists already"):
        await make([scene], characters=[known], batch="other")


async def test_a_video_gives_the_characters_that_were_made_of_it(
    make: Make, bucket: VideoBucket
) -> None:
    manifest = await make(["A dog"], variants=[Variant(character_create=True, **SHORT)])
    (row,) = manifest.stored
    made = await read_all(BucketStore(bucket))
    assert row.characters == [one.username for one in made]
    assert [(one.task_id, one.from_task) for one in made] == [(row.task_id, row.task_id)]


async def test_a_video_brings_a_character_of_an_earlier_one_along(
    make: Make, bucket: VideoBucket
) -> None:
    (first,) = (await make(["A dog"])).stored
    scene = Scene(prompt="A cat", character_from_task=first.task_id)
    (row,) = (await make([scene], batch="second")).stored
    (made,) = await read_all(BucketStore(bucket))
    assert row.characters == [made.username]
    assert (made.task_id, made.from_task) == (row.task_id, first.task_id)
