"""Objects that the store itself refuses to give: each concerns its own shot, and no other."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.chaos.faulty_store import FaultyStore, Refusal
from tests.flows.test_budget import PRICES
from tests.flows.test_damaged_bucket import SCENES, key_of

from prefect_toapis import (
    Character,
    PurchaseSettings,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    collect_batch,
    create_character,
    poll_character,
    reconcile_batch,
    submit_video,
)
from prefect_toapis.errors import InvalidBatch, ObjectRefused, StoreError
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

REFUSALS = [(403, "AccessDenied"), (403, "InvalidObjectState"), (400, "KMS.NotFoundException")]
REFUSALS += [(403, ""), (400, "InvalidRequest")]  # nothing said; a customer's own key
EVERYTHING = [(403, "InvalidAccessKeyId"), (400, "ExpiredToken"), (401, "AccessDenied")]
BARON = Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")


@pytest.fixture
def how(
    credentials: ToAPIsCredentials, troubled: VideoBucket, quick: RunSettings
) -> dict[str, Any]:
    return {"credentials": credentials, "bucket": troubled, "settings": quick}


def refuse(store: FaultyStore, key: str, status: int = 403, code: str = "AccessDenied") -> None:
    store.refusal = Refusal("GET", rf"{key}(\?|$)", status=status, code=code, lasting=False)


@pytest.mark.parametrize(("status", "code"), REFUSALS)
@pytest.mark.parametrize("name", ["attempt-1.json", "shot.json"])
async def test_a_refused_object_concerns_its_own_shot(  # noqa: PLR0917 - fixtures
    leave: Make,
    make: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    status: int,
    code: str,
    name: str,
) -> None:
    await (make if name == "shot.json" else leave)(SCENES, bucket=troubled)
    key = key_of(troubled, "a dog", name)
    before = troubled.read(key)
    refuse(store, key, status, code)
    planned = await make([*SCENES, "an emu"], bucket=troubled, dry_run=True)
    made = await make([*SCENES, "an emu"], bucket=troubled, on_failure="tolerate")
    for manifest in (planned, made):
        dog = manifest.rows[0]
        assert (dog.scene, dog.status) == ("a-dog", "open")
        assert troubled.uri(key) in (dog.error or "")
        assert "allow these credentials to read it" in (dog.error or "")
        assert dog.money == ("spent" if name == "shot.json" else "maybe spent")
    assert made.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 3
    store.refusal = None
    assert troubled.read(key) == before
    assert (await make([*SCENES, "an emu"], bucket=troubled)).shots("stored") == 3
    assert len(simulator.ledger.submissions) == 3


async def test_a_refused_record_is_named_where_nothing_is_bought(
    leave: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    how: dict[str, Any],
    clock: Any,
) -> None:
    await leave(SCENES, bucket=troubled)
    key = key_of(troubled, "a dog", "attempt-1.json")
    refuse(store, key)
    clock.skip(60)
    [collected] = await collect_batch("b", on_failure="tolerate", **how)
    shown = await reconcile_batch("b", dry_run=True, **how)
    for manifest in (collected, shown):
        rows = {row.scene: row for row in manifest.rows}
        assert (rows["a-dog"].status, rows["a-cat"].status) == ("open", "stored")
        assert troubled.uri(key) in (rows["a-dog"].error or "")
        assert rows["a-dog"].money == "maybe spent"


async def test_a_budget_is_checked_without_the_record_that_is_refused(
    make: Make,
    leave: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    quick: RunSettings,
) -> None:
    await leave(SCENES, bucket=troubled)
    refuse(store, key_of(troubled, "a dog", "attempt-1.json"))
    priced = quick.with_overrides(RunSettings(purchases=PurchaseSettings(prices=PRICES)))
    made = await make(SCENES, bucket=troubled, settings=priced, on_failure="tolerate")
    assert [row.status for row in made.rows] == ["open", "stored"]
    assert len(simulator.ledger.submissions) == 2


@pytest.mark.parametrize(("status", "code"), EVERYTHING)
@pytest.mark.parametrize("path", ["list-type=2", r"attempt-1\.json"])
async def test_a_refusal_of_everything_ends_the_run_before_anything_is_bought(  # noqa: PLR0917
    make: Make,
    leave: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    status: int,
    code: str,
    path: str,
    quick: RunSettings,
) -> None:
    await leave(SCENES, bucket=troubled)
    store.refusal = Refusal("GET", path, status=status, code=code)
    priced = quick.with_overrides(RunSettings(purchases=PurchaseSettings(prices=PRICES)))
    with pytest.raises(StoreError, match="The store has its reasons"):
        await make([*SCENES, "an emu"], bucket=troubled, settings=priced)
    assert len(simulator.ledger.submissions) == 2


async def test_a_bucket_that_can_not_be_listed_ends_the_run(
    make: Make, store: FaultyStore, troubled: VideoBucket, simulator: Simulator
) -> None:
    refuse(store, "list-type=2.*", code="AccessDenied")
    with pytest.raises(StoreError, match="Can't list"):
        await make(SCENES, bucket=troubled)
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize("name", ["b/plan.json", "characters/.*/character.json"])
async def test_what_concerns_more_than_a_shot_is_a_fault_before_anything_is_bought(
    make: Make,
    store: FaultyStore,
    troubled: VideoBucket,
    simulator: Simulator,
    how: dict[str, Any],
    name: str,
) -> None:
    await poll_character(await create_character(BARON, **how), **how)
    await make(["a dog"], bucket=troubled)
    refuse(store, name, code="InvalidObjectState")
    with pytest.raises(InvalidBatch, match=r"(?s)1 problem.*Restore the object"):
        await make(["a cat meets {character}"], bucket=troubled, characters=[BARON])
    assert len(simulator.ledger.submissions) == 2


async def test_a_single_task_buys_nothing_where_its_record_is_refused(
    store: FaultyStore, troubled: VideoBucket, simulator: Simulator, how: dict[str, Any]
) -> None:
    request = VideoRequest(prompt="a dog")
    await submit_video(request, **how)
    refuse(store, "attempt-1.json")
    with pytest.raises(ObjectRefused, match=r"attempt-1\.json.*Money may have been spent"):
        await submit_video(request, **how)
    assert len(simulator.ledger.submissions) == 1
