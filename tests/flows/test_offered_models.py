"""Models that the API doesn't offer are found before anything is bought."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from prefect_toapis import Character, Scene, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.collect import acollect_batch
from prefect_toapis.flows.offered_models import nearest, offered_faults
from prefect_toapis.planning.spec import Fallback
from prefect_toapis.simulator import Fault, Simulator, SimulatorSettings
from prefect_toapis.simulator.faults import Drop, Refuse, Replace

Make = Callable[..., Awaitable[Any]]

SHIPPED = Catalogue.shipped()
API = "https://toapis.com"
GONE = [Variant(name="gone", model="sora-2", duration=10)]
CLIP = "https://media.example/clip.mp4"


def listing(*names: Any, times: int = 1) -> Replace:
    """The API's next lists of models."""
    body = json.dumps({"success": True, "object": "list", "data": [*names]})
    return Replace(operation="models", status=200, body=body, times=times)


@pytest.mark.parametrize(
    ("model", "offered", "near"),
    [
        ("sora-2", ["veo3.1-fast", "sora-2-vvip"], ["sora-2-vvip"]),
        ("veo3.1-fast", ["sora-2", "Veo3.1-fast-official", "veo3.1-lite"], None),
        ("kling-v9", ["kling-v3", "sora-2"], ["kling-v3"]),
        ("wan-9", ["sora-2"], []),
        ("wan2.6", ["wan-9", "wan2.6-flash", "grok-video-1.0"], ["wan2.6-flash"]),
    ],
)
def test_the_nearest_models_are_of_the_family_or_of_a_like_name(
    model: str, offered: list[str], near: list[str] | None
) -> None:
    expected = ["Veo3.1-fast-official", "veo3.1-lite"] if near is None else near
    assert sorted(nearest(model, offered, SHIPPED)) == sorted(expected)


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("Kling-V3", ["kling-v3"]),
        ("kling-v3", ["KLING-V3"]),
        ("gemini-omni-flash", ["gemini_omni_flash"]),
        ("gemini_omni_flash", [" gemini-omni-flash "]),
        ("wan-9", ["WAN-9"]),
        ("wan-9", []),
    ],
)
def test_a_model_is_offered_under_any_of_its_names(wanted: str, offered: list[str]) -> None:
    assert offered_faults([("shot", [wanted])], offered, SHIPPED, API) == []


def test_a_fault_names_the_shots_and_what_is_offered_and_is_short() -> None:
    models = {"a / b": "sora-2", "c / d": "sora-2", "e / f": "wan-9", "g": "x" * 900}
    wanted = [(label, [model]) for label, model in models.items()]
    faults = offered_faults(wanted, ["sora-2-vvip", "y" * 190], SHIPPED, API)
    assert faults[:2] == [
        f"a / b (and 1 more): sora-2 is not offered by {API} now; nearest: sora-2-vvip",
        f"e / f: wan-9 is not offered by {API} now; `prefect-toapis models` lists what is",
    ]
    assert max(map(len, faults)) < 300


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_model_that_is_gone_is_a_fault_and_nothing_is_bought(
    make: Make, simulator: Simulator, dry_run: bool
) -> None:
    simulator.faults.add(listing("sora-2-vvip", "kling-v3"))
    with pytest.raises(InvalidBatch) as refused:
        await make(["a dog", "a cat"], variants=[*GONE, Variant(model="kling-v3")], dry_run=dry_run)
    [fault] = refused.value.faults
    assert fault.startswith("a-dog / gone (and 1 more): sora-2 is not offered by http://127.0.0.1")
    assert fault.endswith("nearest: sora-2-vvip")
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize(
    "other",
    [
        {"scenes": [Scene(prompt="At night", remix_of="video_1")]},
        {
            "scenes": ["{character} runs"],
            "variants": [Variant(model="sora-2-vip", duration=10)],
            "characters": [Character(name="Baron", url=CLIP, timestamps="1,3")],
        },
    ],
    ids=["remix", "character"],
)
async def test_models_of_remixes_and_of_characters_to_make_count(
    make: Make, simulator: Simulator, other: dict[str, Any]
) -> None:
    simulator.faults.add(listing("sora-2-vip"))
    scenes = other.pop("scenes")
    with pytest.raises(InvalidBatch) as refused:
        await make(scenes, **{"variants": GONE} | other)
    [fault] = refused.value.faults
    assert "sora-2 is not offered" in fault
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Refuse(operation="models", status=404, times=None), "doesn't list its models"),
        (Refuse(operation="models", status=403, times=None), "doesn't list its models"),
        (Refuse(operation="models", status=500, times=None), "doesn't list its models"),
        (Drop(operation="models", times=None), "doesn't list its models"),
        (Replace(operation="models", status=200, body="<html>", times=None), "doesn't list"),
        (listing(), "lists no video models"),
        (listing({}, None, 7, {"id": ["x"]}), "lists no video models"),
        (listing({"id": "gpt-9"}, "grok-4"), "lists no known video model, but gpt-9, grok-4"),
    ],
    ids=str,
)
async def test_a_list_that_can_not_be_had_is_a_warning(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture, fault: Fault, said: str
) -> None:
    simulator.faults.add(fault)
    manifest = await make(["a dog"])
    assert len(manifest.stored) == len(simulator.ledger.paid) == 1
    [warning] = [found.getMessage() for found in log.records if said in found.getMessage()]
    assert "is not checked" in warning


@pytest.mark.parametrize(
    "body",
    [
        {"data": ["wan-9", {"id": "sora-2-vip"}, {"id": "sora-2-vip"}, None, 7]},
        {"models": [{"model": "SORA-2-VIP"}]},
        {"data": {"models": [{"name": "sora-2-vip"}, {"name": "x" * 10_000}]}},
    ],
)
async def test_a_list_of_another_shape_is_read(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture, body: dict[str, Any]
) -> None:
    simulator.faults.add(Replace(operation="models", status=200, body=json.dumps(body)))
    await make(["a dog"])
    assert "is not checked" not in log.text


async def test_what_was_bought_before_is_stored_after_its_model_is_gone(
    make: Make,
    leave: Make,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
) -> None:
    await leave(["a dog"])
    await make(["a cat"], batch="c")
    gone = listing("kling-v3")
    simulator.faults.add(gone)
    assert len((await make(["a dog"])).stored) == 1  # was under way
    assert len((await make(["a cat"], batch="c")).stored) == 1  # is stored
    [collected] = await acollect_batch("b", credentials=credentials, bucket=bucket)
    assert len(collected.stored) == 1
    assert len(simulator.ledger.paid) == 2
    assert simulator.faults.pending == [gone]  # nothing to buy: the API isn't asked


async def test_a_character_that_is_under_way_is_waited_for_after_its_model_is_gone(
    make: Make, leave: Make, simulator: Simulator
) -> None:
    baron = Character(name="Baron", url=CLIP, timestamps="1,3")
    await leave(["{character} runs"], characters=[baron])
    simulator.faults.add(listing("sora-2-vip"))
    manifest = await make(["{character} runs"], characters=[baron])
    assert len(manifest.stored) == 1
    assert [paid.body["model"] for paid in simulator.ledger.paid] == ["sora-2", "sora-2-vip"]


async def test_the_api_is_asked_once_a_run(make: Make, simulator: Simulator) -> None:
    listed = listing("sora-2-vip", times=2)
    simulator.faults.add(listed)
    await make(["a dog", "a cat"])
    assert simulator.faults.pending == [listed]
    await make(["an emu"], dry_run=True)
    assert simulator.faults.pending == []


async def test_shots_with_a_fallback_that_is_offered_are_made_with_it(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    simulator.faults.add(listing("sora-2-vvip"), Refuse(operation="submit", status=400))
    variant = Variant(model="sora-2", fallbacks=[Fallback(model="sora-2-vvip", duration=4)])
    manifest = await make(["a dog"], variants=[variant])
    assert len(manifest.stored) == 1
    assert [paid.body["model"] for paid in simulator.ledger.paid] == ["sora-2-vvip"]
    assert "sora-2 is not offered by" in log.text


async def test_a_fault_names_a_model_and_its_fallbacks(make: Make, simulator: Simulator) -> None:
    simulator.faults.add(listing("kling-v3"))
    variant = Variant(model="sora-2", fallbacks=[Fallback(model="sora-2-vvip", duration=4)])
    with pytest.raises(InvalidBatch) as refused:
        await make(["a dog"], variants=[variant])
    [fault] = refused.value.faults
    assert "sora-2 and sora-2-vvip are not offered by" in fault


@pytest.fixture
def own_list(credentials: ToAPIsCredentials) -> Iterator[ToAPIsCredentials]:
    """An account whose API offers a model that the catalogue doesn't know."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=0.2, offered_models=("wan-9",)
    )
    with Simulator(settings) as simulator:
        yield credentials.model_copy(update={"base_url": simulator.url})


async def test_a_model_that_only_the_api_knows_can_be_bought(
    make: Make, own_list: ToAPIsCredentials
) -> None:
    manifest = await make(["a dog"], variants=[Variant(model="Wan-9")], credentials=own_list)
    assert len(manifest.stored) == 1
