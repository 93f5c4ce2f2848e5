"""The tasks that make a character, in a user's own flow."""

import json
from typing import Any

import pytest
from prefect import flow

from prefect_toapis import (
    Character,
    CharacterCreation,
    MadeCharacter,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    acreate_character,
    apoll_character,
)
from prefect_toapis.client.errors import GenerationFailed, InvalidRequest, ResultMissing
from prefect_toapis.simulator import Replace, Simulator

TURBO = Character(name="Turbo", url="https://media.example/turbo.mp4?sig=hidden", timestamps="1,3")


@pytest.fixture
def blocks(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> dict[str, Any]:
    return {"credentials": credentials, "bucket": bucket, "settings": quick}


@flow
async def one_character(character: Character, blocks: dict[str, Any]) -> MadeCharacter:
    """A user's own flow."""
    creation = await acreate_character(character, **blocks)
    made: MadeCharacter = await apoll_character(creation, **blocks)
    return made


async def test_a_character_is_made_once_and_remembered_under_its_first_name(
    simulator: Simulator,
    bucket: VideoBucket,
    blocks: dict[str, Any],
    log: pytest.LogCaptureFixture,
) -> None:
    made = await one_character(TURBO, blocks)
    renamed = await one_character(TURBO.model_copy(update={"name": "Whiskers"}), blocks)
    assert renamed == made.model_copy(update={"name": "Whiskers"})
    [paid] = simulator.ledger.submissions
    assert (paid.kind, paid.task_id, paid.business_id) == (
        "character",
        made.task_id,
        made.business_id,
    )
    keys = sorted(bucket.list_keys("characters/"))
    record, folder = (key.rpartition("/")[0] for key in keys)
    assert record.startswith("characters/records/")
    assert folder.startswith("characters/turbo-")
    assert keys == [f"{record}/attempt-1.json", f"{folder}/character.json"]
    assert MadeCharacter.model_validate_json(bucket.read(keys[1]) or b"") == made
    names = {getattr(record, "task_run_name", None) for record in log.records}
    assert {"create Turbo", "wait for Turbo"} <= names
    assert "hidden" not in log.text


async def test_a_creation_can_be_handed_on_without_its_signature(
    simulator: Simulator, blocks: dict[str, Any]
) -> None:
    creation = await acreate_character(TURBO, **blocks)
    kept = creation.model_dump_json()
    assert "hidden" not in kept
    made = await apoll_character(CharacterCreation.model_validate_json(kept), **blocks)
    assert made.source == "https://media.example/turbo.mp4"
    asked = simulator.ledger.queries.total()
    assert await apoll_character(creation, **blocks) == made
    assert simulator.ledger.queries.total() == asked


@pytest.mark.parametrize(
    ("character", "fault"),
    [
        (Character(name="Cat", username="a.cat"), "it exists; there is nothing to make"),
        (Character(name="Cat", from_task="video_1", timestamps="0,9"), "timestamps='0,9'"),
        (Character(name="Cat"), "give exactly one of username, url and from_task"),
    ],
)
async def test_what_can_not_be_made_is_not_sent(
    simulator: Simulator, blocks: dict[str, Any], character: Character, fault: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await acreate_character(character, **blocks)
    assert fault in str(refused.value)
    assert simulator.ledger.submissions == []


async def test_a_creation_that_fails_is_recorded(
    simulator: Simulator, bucket: VideoBucket, blocks: dict[str, Any]
) -> None:
    bad = Character(name="Bad", url="https://media.example/fail me.mp4", timestamps="1,3")
    with pytest.raises(GenerationFailed, match='Character "Bad"'):
        await one_character(bad, blocks)
    [key] = bucket.list_keys("characters/")
    assert b'"state": "failed"' in (bucket.read(key) or b"")
    with pytest.raises(GenerationFailed, match="attempt 1 was failed"):
        await one_character(bad, blocks)
    assert len(simulator.ledger.submissions) == 1


async def test_a_completed_creation_without_a_character_is_an_error_that_says_so(
    simulator: Simulator, bucket: VideoBucket, blocks: dict[str, Any]
) -> None:
    creation = await acreate_character(TURBO, **blocks)
    body = '{"status": "completed", "result": {"type": "character", "data": {}}}'
    simulator.faults.add(Replace(operation="status", status=200, body=body, times=None))
    with pytest.raises(ResultMissing, match="gives no character") as raised:
        await apoll_character(creation, **blocks)
    assert str(raised.value).startswith('Character "Turbo": ')
    assert raised.value.money == "spent"
    [key] = bucket.list_keys("characters/")
    assert json.loads(bucket.read(key) or b"")["reply"] == body
    simulator.faults.clear()
    assert (await apoll_character(creation, **blocks)).username
