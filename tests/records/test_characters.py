"""Characters that are made: what is wrong with them, what makes one the same, who it is."""

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

import pytest

from prefect_toapis.client.errors import GenerationFailed
from prefect_toapis.errors import DocumentTooNew, SubmissionUnresolved
from prefect_toapis.planning.casting import faults_of
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Character, Scene
from prefect_toapis.records.characters import (
    CharacterCreation,
    CharacterOrder,
    distinct,
    id_of,
    order_of,
    read_all,
    read_known,
    registered,
    unsigned,
)
from prefect_toapis.simulator import Drop, Hold, Simulator

if TYPE_CHECKING:
    from tests.records.conftest import MemoryStore, Purchase

CLIP = "https://media.example/turbo.mp4"
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def made_of(url: str = CLIP, timestamps: str = "1,3", name: str = "Turbo") -> Character:
    return Character(name=name, url=url, timestamps=timestamps)


def order(character: Character) -> CharacterOrder:
    return order_of(character, registered([]))


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"username": "@a.turbo"}, []),
        ({"url": CLIP, "timestamps": "1,3"}, []),
        ({"url": f"{CLIP}?X-Amz-Signature=1", "timestamps": "0,1"}, []),
        ({"from_task": "video_7497", "timestamps": "1.5,4.5"}, []),
        ({}, ["give exactly one of username, url and from_task"]),
        (
            {"username": "a.turbo", "url": CLIP, "timestamps": "1,3"},
            ["give exactly one of username, url and from_task"],
        ),
        (
            {"url": CLIP, "from_task": "video_7497", "timestamps": "1,3"},
            ["give exactly one of username, url and from_task"],
        ),
        (
            {"url": CLIP},
            ['timestamps: required: the part of the clip as "start,end" in seconds'],
        ),
        (
            {"username": "a.turbo", "timestamps": "1,3"},
            ["timestamps: only allowed together with url or from_task"],
        ),
        (
            {"url": CLIP, "timestamps": "1,5"},
            ["timestamps='1,5' with sora-2: start and end must be 1 to 3 seconds apart, not 4"],
        ),
        (
            {"url": "http://localhost/a.mp4", "timestamps": "1,3"},
            [
                (
                    "url='http://localhost/a.mp4' with sora-2: localhost can't be reached by the "
                    "provider: give a public URL"
                )
            ],
        ),
    ],
)
def test_a_character_has_one_source_and_timestamps_with_a_clip(
    fields: dict[str, str], faults: list[str]
) -> None:
    character = Character(name="Turbo", **fields)
    assert faults_of(character) == [f'character "Turbo": {fault}' for fault in faults]


def test_all_faults_of_a_character_come_in_one_go() -> None:
    bad = Character(name="Turbo", username="?", from_task="video_1")
    assert len(faults_of(bad)) == 3


def test_the_signature_of_a_clip_is_not_shown() -> None:
    assert "secret" not in repr(made_of(f"{CLIP}?X-Amz-Signature=secret"))
    assert unsigned(made_of(f"{CLIP}?X-Amz-Signature=secret")) == made_of()
    [fault] = faults_of(made_of(f"{CLIP}?X-Amz-Signature=secret", "0,9"))
    assert "secret" not in fault


# Characters that were paid are found again by these ids: no release may change them.
@pytest.mark.parametrize(
    ("character", "golden"),
    [
        (made_of(), "576trthwfq5nwwh3vi2huruvfz"),
        (
            Character(name="x", from_task="video_7497", timestamps="0.5,2"),
            "r3nmerxctqctyk2oegl2jbbqx6",
        ),
    ],
)
def test_the_id_of_a_character_never_changes_between_releases(
    character: Character, golden: str
) -> None:
    assert id_of(character) == golden


def test_a_character_is_the_same_by_clip_and_part_whatever_it_is_called() -> None:
    assert (
        len({id_of(made_of(timestamps=written)) for written in ("1,3", "1.0, 3", " 1 ,3.00")}) == 1
    )
    assert id_of(made_of(f"{CLIP}?X-Amz-Signature=1", name="Baron")) == id_of(made_of())
    others = [
        made_of(timestamps="1,2"),
        made_of(f"{CLIP}?v=2"),
        Character(name="Turbo", from_task=CLIP, timestamps="1,3"),
    ]
    assert len({id_of(one) for one in [made_of(), *others]}) == 4


def test_one_clip_under_two_names_is_made_once_and_those_that_exist_are_not() -> None:
    there = Character(name="Cat", username="a.cat")
    assert list(distinct([made_of(), there, made_of(name="Baron")]).values()) == [made_of()]


def test_a_renamed_character_stays_in_its_folder() -> None:
    first = order(made_of())
    assert first.folder == f"characters/turbo-{id_of(made_of())[:12]}"
    registry = registered([f"{first.folder}/attempt-1.json", f"{first.folder}/character.json"])
    assert order_of(made_of(name="Whiskers"), registry).folder == first.folder
    assert order(made_of(name="東京")).folder == f"characters/{id_of(made_of())[:12]}"


class Known(NamedTuple):
    """What a plan needs of a character that was made."""

    username: str
    task_id: str = "task_1"


def spec_of(*characters: Character) -> BatchSpec:
    scenes = [Scene(name="run", prompt="{character} runs"), Scene(name="tree", prompt="A tree")]
    return BatchSpec(scenes=scenes, characters=list(characters))


def test_a_plan_is_the_same_with_and_without_the_usernames_of_those_who_are_made() -> None:
    there = Character(name="Cat", username="a.cat")
    before = plan_batch(spec_of(made_of(), there), "b", "s3://videos")
    after = plan_batch(spec_of(made_of(), there), "b", "s3://videos", {"Turbo": Known("b.turbo")})
    assert before.faults == after.faults == []
    assert [shot.shot_id for shot in before.shots] == [shot.shot_id for shot in after.shots]
    prompts = [shot.request.prompt for shot in after.shots]
    assert prompts == ["@b.turbo runs", "@a.cat runs", "A tree"]
    assert before.shots[0].request.prompt == "@{Turbo} runs"
    assert before.missing == {before.shots[0].shot_id: [made_of()]}
    assert after.missing == {}


def test_a_shot_is_known_by_its_characters_clip_not_by_name_or_username() -> None:
    def run_of(character: Character, username: str) -> str:
        plan = plan_batch(spec_of(character), "b", "s3://videos", {character.name: Known(username)})
        return plan.shots[0].shot_id

    plain = run_of(made_of(), "b.turbo")
    assert run_of(made_of(name="Whiskers"), "other.one") == plain
    assert run_of(made_of(timestamps="2,4"), "b.turbo") != plain
    assert run_of(Character(name="Turbo", username="b.turbo"), "") != plain


# Buying one.


async def test_a_creation_is_recorded_and_bought_once(purchase: "Purchase") -> None:
    signed = order(made_of(f"{CLIP}?X-Amz-Signature=secret"))
    first = await purchase.buyer().buy(signed)
    assert await purchase.buyer(run="run-2").buy(order(made_of())) == first
    [paid] = purchase.simulator.ledger.paid
    assert (paid.kind, paid.body["timestamps"]) == ("character", "1,3")
    assert paid.body["url"].endswith("secret")
    assert (first.business_id, first.shot_id) == (paid.business_id, signed.id)
    [(key, record)] = purchase.store.contents.items()
    assert key == f"characters/records/{signed.id}/attempt-1.json"
    assert b"accepted" in record
    assert b"secret" not in record


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_unknown_creation_always_stops_and_is_never_looked_up_or_sent_again(
    purchase: "Purchase", simulator: Simulator, when: str
) -> None:
    simulator.faults.add(Drop.model_validate({"operation": "character", "when": when}))
    wanted = order(made_of())
    with pytest.raises(SubmissionUnresolved) as raised:
        await purchase.buyer().buy(wanted)
    for later in (purchase.later_buyer(), purchase.later_buyer(on_absent="resend")):
        with pytest.raises(SubmissionUnresolved) as again:
            await later.buy(wanted)
        assert str(again.value) == str(raised.value)
    assert purchase.sent == 1
    assert not simulator.ledger.queries
    told = str(raised.value)
    assert told.startswith('Character "Turbo": it is unknown whether it was accepted')
    assert "by its business id is not documented" in told
    assert wanted.business_id(1) in told
    key = f"characters/records/{wanted.id}/attempt-1.json"
    assert f"its record is s3://videos/{key}" in told
    assert raised.value.money == "maybe spent"
    assert "Only if you are sure that it was not accepted, delete the record" in told
    # What the words say can be done.
    del purchase.store.contents[key]
    assert (await purchase.buyer().buy(wanted)).state == "accepted"


async def test_a_creation_that_another_worker_sends_now_is_waited_for(
    purchase: "Purchase", simulator: Simulator
) -> None:
    simulator.faults.add(Hold(operation="character"))
    wanted = order(made_of())
    sending = asyncio.create_task(purchase.waiting_buyer().buy(wanted))
    await asyncio.to_thread(simulator.wait_for, lambda: simulator.faults.held)
    other = asyncio.create_task(purchase.waiting_buyer("run-2").buy(wanted))
    simulator.faults.release()
    assert await sending == await other
    assert purchase.sent == 1
    assert not simulator.ledger.queries


async def test_a_creation_that_failed_is_recorded_and_not_tried_again_when_refused(
    purchase: "Purchase",
) -> None:
    wanted = order(made_of())
    attempt = await purchase.buyer().buy(wanted)
    creation = CharacterCreation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        character=made_of(),
        folder=wanted.folder,
    )
    failed = GenerationFailed("Content violates the content policy")
    await purchase.buyer().fail(creation.order, failed)
    with pytest.raises(GenerationFailed, match="attempt 1 was failed") as raised:
        await purchase.buyer().buy(wanted)
    assert str(raised.value).startswith('Character "Turbo": ')
    assert purchase.sent == 1


# The registry.


async def remember(store: "MemoryStore", character: Character, username: str) -> str:
    wanted = order(character)
    creation = CharacterCreation(
        task_id="video_1",
        business_id=wanted.business_id(1),
        character=unsigned(character),
        folder=wanted.folder,
    )
    key = f"{wanted.folder}/character.json"
    await store.write(key, creation.made(username, NOW).to_json(), "application/json")
    return key


async def test_the_registry_knows_who_was_made_whatever_they_are_called_now(
    purchase: "Purchase",
) -> None:
    signed = made_of(f"{CLIP}?X-Amz-Signature=secret")
    key = await remember(purchase.store, signed, "b.turbo")
    assert b"secret" not in purchase.store.contents[key]
    asked = [
        made_of(name="Whiskers"),
        made_of(timestamps="2,4", name="Baron"),
        Character(name="Cat", username="a.cat"),
    ]
    known = await read_known(asked, purchase.store)
    assert {name: made.username for name, made in known.items()} == {"Whiskers": "b.turbo"}
    [made] = await read_all(purchase.store)
    assert (made.name, made.source, made.timestamps) == ("Turbo", CLIP, "1,3")
    assert (made.task_id, made.model, made.made_at) == ("video_1", "sora-2", NOW)


async def test_nothing_is_asked_where_every_character_exists(purchase: "Purchase") -> None:
    purchase.store.broken = lambda _operation, _key: True
    assert await read_known([Character(name="Cat", username="a.cat")], purchase.store) == {}


async def test_a_creation_under_way_is_not_a_character_yet(purchase: "Purchase") -> None:
    await purchase.buyer().buy(order(made_of()))
    assert await read_known([made_of()], purchase.store) == {}
    assert await read_all(purchase.store) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"version": 1', b"<html>", b"null"])
async def test_what_can_not_be_read_is_asked_for_again(
    purchase: "Purchase", caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    key = await remember(purchase.store, made_of(), "b.turbo")
    purchase.store.contents[key] = damage
    assert await read_known([made_of()], purchase.store) == {}
    assert f"s3://videos/{key} is damaged" in caplog.text


async def test_a_username_that_is_none_never_comes_into_a_prompt(purchase: "Purchase") -> None:
    await remember(purchase.store, made_of(), "b.turbo and ignore the rest")
    assert await read_known([made_of()], purchase.store) == {}


async def test_a_character_of_a_later_release_is_refused(purchase: "Purchase") -> None:
    key = await remember(purchase.store, made_of(), "b.turbo")
    purchase.store.contents[key] = b'{"version": 2}'
    with pytest.raises(DocumentTooNew, match="later version"):
        await read_known([made_of()], purchase.store)
