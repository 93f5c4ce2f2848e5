"""Characters are made before the shots that need them, each once, and remembered."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prefect import flow

from prefect_toapis import (
    Character,
    MadeCharacter,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    VideoBucket,
    acreate_characters,
    create_characters,
)
from prefect_toapis.client.errors import GenerationFailed
from prefect_toapis.errors import BatchFailed, InvalidBatch, SubmissionUnresolved
from prefect_toapis.records.characters import id_of
from prefect_toapis.simulator import Drop, Replace, Simulator

Make = Callable[..., Awaitable[Any]]

TURBO = Character(
    name="Turbo", url="https://media.example/turbo.mp4?sig=not-to-be-seen", timestamps="1,3"
)
BARON = Character(name="Baron", url="https://media.example/baron.mp4", timestamps="0,2")
SCENES = [
    Scene(name="run", prompt="{character} runs"),
    Scene(name="jump", prompt="{character} jumps"),
]


def bought(simulator: Simulator, kind: str) -> int:
    return sum(submission.kind == kind for submission in simulator.ledger.paid)


def renamed(model: Any, name: str) -> Any:
    return model.model_copy(update={"name": name})


async def test_each_character_is_made_once_however_many_shots_use_it(
    make: Make, simulator: Simulator, bucket: VideoBucket, log: pytest.LogCaptureFixture
) -> None:
    manifest = await make(SCENES, characters=[TURBO, BARON])
    assert manifest.shots("stored") == 4
    assert (bought(simulator, "character"), bought(simulator, "video")) == (2, 4)
    kinds = [submission.kind for submission in simulator.ledger.submissions]
    assert kinds[:2] == ["character", "character"]
    made = [
        MadeCharacter.model_validate_json(bucket.read(key) or b"")
        for key in bucket.list_keys("characters/")
        if key.endswith("/character.json")
    ]
    names = {one.name: one.username for one in made}
    assert set(names) == {"Turbo", "Baron"}
    assert {row.prompt for row in manifest.rows} == {
        f"@{username} {does}" for username in names.values() for does in ("runs", "jumps")
    }
    assert "not-to-be-seen" not in log.text
    assert all(b"not-to-be-seen" not in (bucket.read(key) or b"") for key in bucket.list_keys())

    again = await make(
        [renamed(SCENES[0], "sprint"), renamed(SCENES[1], "leap")],
        characters=[renamed(TURBO, "Whiskers"), renamed(BARON, "Barks")],
    )
    assert again.shots("stored") == again.shots() == 4
    assert len(simulator.ledger.submissions) == 6
    other = await make(["{character} sleeps"], characters=[TURBO], batch="other")
    assert other.shots("stored") == 1
    assert (bought(simulator, "character"), bought(simulator, "video")) == (2, 5)


async def test_a_dry_run_makes_no_character_and_says_how_many_there_would_be(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    idle = Character(name="Idle", from_task="video_1", timestamps="1,3")
    casts = ["Turbo", "Baron"]
    told: dict[str, Any] = {"characters": [TURBO, BARON, idle], "casts": casts, "dry_run": True}
    manifest = await make(SCENES, **told)
    assert manifest.shots("planned") == 4
    assert "4 shots: 0 stored, 4 to buy; 2 characters to make" in log.text
    assert simulator.ledger.submissions == []


async def test_a_failed_creation_fails_only_the_shots_that_need_it(
    make: Make, simulator: Simulator
) -> None:
    bad = Character(name="Bad", url="https://media.example/fail me.mp4", timestamps="1,3")
    refused = Character(name="No", url="https://media.example/refuse me.mp4", timestamps="1,3")
    there = Character(name="Cat", username="a.cat")
    characters = [TURBO, bad, refused, there]
    manifest = await make(
        ["{character} runs", "A tree"], characters=characters, on_failure="tolerate"
    )
    assert [(row.cast, row.status) for row in manifest.rows] == [
        ("Turbo", "stored"),
        ("Bad", "failed"),
        ("No", "failed"),
        ("Cat", "stored"),
        ("", "stored"),
    ]
    assert 'Character "Bad": ' in manifest.rows[1].error
    assert 'Character "No": ' in manifest.rows[2].error
    assert bought(simulator, "video") == 3
    # Refused for its content, it isn't bought again by a later run.
    sent = len(simulator.ledger.submissions)
    await make(["{character} runs", "A tree"], characters=characters, on_failure="tolerate")
    assert len(simulator.ledger.submissions) == sent


async def test_an_unknown_creation_stops_its_shots_and_is_never_sent_again(
    make: Make, simulator: Simulator
) -> None:
    simulator.faults.add(Drop(operation="character", when="after", prompt="turbo"))
    for _ in range(2):
        with pytest.raises(BatchFailed, match="1 of 2 shots open") as stopped:
            await make(["{character} runs"], characters=[TURBO, BARON])
        turbo, baron = stopped.value.manifest.rows
        assert (turbo.status, baron.status) == ("open", "stored")
        assert turbo.error is not None
        assert "by its business id is not documented" in turbo.error
        assert turbo.business_id
        assert turbo.business_id in turbo.error
    assert len([one for one in simulator.ledger.submissions if one.kind == "character"]) == 2
    assert bought(simulator, "video") == 1


async def test_no_balance_for_a_character_stops_the_rest_before_it_is_submitted(
    make: Make, simulator: Simulator
) -> None:
    body = '{"error": {"code": "insufficient_quota", "message": "No balance"}}'
    simulator.faults.add(Replace(operation="character", status=402, body=body))
    manifest = await make(["{character} runs", "A tree"], characters=[TURBO], on_failure="tolerate")
    assert [row.status for row in manifest.rows] == ["planned", "planned"]
    assert bought(simulator, "video") == 0
    manifest = await make(["{character} runs", "A tree"], characters=[TURBO])
    assert manifest.shots("stored") == 2


async def test_characters_that_exist_cost_nothing(make: Make, simulator: Simulator) -> None:
    await make(SCENES, characters=[Character(name="Cat", username="@a.cat")])
    assert (bought(simulator, "character"), bought(simulator, "video")) == (0, 2)


async def test_faults_of_characters_are_told_before_anything_is_bought(
    make: Make, simulator: Simulator
) -> None:
    with pytest.raises(InvalidBatch) as refused:
        await make(SCENES, characters=[renamed(TURBO, "One"), Character(name="Two")])
    assert refused.value.faults == [
        'character "Two": give exactly one of username, url and from_task'
    ]
    assert simulator.ledger.submissions == []


# The flow of its own.


@pytest.fixture
def blocks(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> dict[str, Any]:
    return {"credentials": credentials, "bucket": bucket, "settings": quick}


async def test_characters_alone_are_made_once_and_come_in_order(
    make: Make, simulator: Simulator, blocks: dict[str, Any]
) -> None:
    there = Character(name="Cat", username="a.cat")
    made = await acreate_characters([BARON, there, TURBO, renamed(BARON, "Twin")], **blocks)
    assert [one.name for one in made] == ["Baron", "Turbo", "Twin"]
    assert made[0].username == made[2].username != made[1].username
    assert made[1].source == "https://media.example/turbo.mp4"
    assert await acreate_characters([TURBO], **blocks) == [made[1]]
    await make(SCENES, characters=[TURBO, BARON])
    assert (bought(simulator, "character"), bought(simulator, "video")) == (2, 4)


async def test_a_character_from_a_generation(
    make: Make, simulator: Simulator, blocks: dict[str, Any]
) -> None:
    [row] = (await make(["A cat"])).rows
    character = Character(name="Cat", from_task=row.task_id, timestamps="1,3")
    [made] = await acreate_characters([character], **blocks)
    assert (made.source, made.url) == (row.task_id, None)
    assert bought(simulator, "character") == 1


async def test_one_that_fails_is_raised_when_the_others_are_made(
    simulator: Simulator, bucket: VideoBucket, blocks: dict[str, Any]
) -> None:
    bad = Character(name="Bad", url="https://media.example/fail me.mp4", timestamps="1,3")
    with pytest.raises(GenerationFailed, match='Character "Bad"'):
        await acreate_characters([bad, TURBO], **blocks)
    keys = [key for key in bucket.list_keys("characters/") if key.endswith("/character.json")]
    assert [id_of(TURBO)[:12] in key for key in keys] == [True]
    simulator.faults.add(Drop(operation="character", when="after"))
    with pytest.raises(SubmissionUnresolved):
        await acreate_characters([BARON], **blocks)


async def test_all_faults_of_characters_alone_come_in_one_go(blocks: dict[str, Any]) -> None:
    long = BARON.model_copy(update={"timestamps": "0,9"})
    with pytest.raises(InvalidBatch) as refused:
        await acreate_characters([Character(name="Two"), long], **blocks)
    assert len(refused.value.faults) == 2


def test_a_sync_flow_makes_characters_in_one_line(
    simulator: Simulator, blocks: dict[str, Any]
) -> None:
    @flow
    def ours() -> list[MadeCharacter]:
        made: list[MadeCharacter] = create_characters([TURBO], **blocks)
        return made

    assert [one.name for one in ours()] == ["Turbo"]
    assert bought(simulator, "character") == 1
