"""Runs that are killed, wherever they are, and run again: paid once, and stored."""

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.chaos.conftest import SHORT, Make, Start
from tests.chaos.faulty_store import FaultyStore
from tests.chaos.faulty_store import Hold as HoldStore

from prefect_toapis import Manifest, Scene, VideoBucket
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.simulator import Hold, Simulator, SimulatorSettings


class KillPoint(NamedTuple):
    """Where a run is when it is killed: something holds its reply."""

    name: str
    provider: Hold | None = None
    store: HoldStore | None = None
    bytes_a_video: int | None = None


KILL_POINTS = [
    KillPoint("before the POST", store=HoldStore("PUT", r"attempt-1\.json", "after")),
    KillPoint("after it is sent", provider=Hold(operation="submit")),
    KillPoint("after the reply", store=HoldStore("PUT", r"attempt-1\.json", "before", skip=1)),
    KillPoint("while polling", provider=Hold(operation="status")),
    KillPoint("while downloading", provider=Hold(operation="media")),
    KillPoint(
        "inside a multipart upload",
        store=HoldStore("PUT", r"partNumber=2", "after"),
        bytes_a_video=20_000_000,
    ),
    KillPoint("after the objects", store=HoldStore("PUT", r"/shot\.json", "before")),
    KillPoint("before the manifest", store=HoldStore("PUT", r"/manifest\.jsonl", "before")),
]


@pytest.fixture(params=KILL_POINTS, ids=lambda point: point.name.replace(" ", "-"))
def point(request: pytest.FixtureRequest) -> KillPoint:
    found: KillPoint = request.param
    return found


@pytest.fixture
def simulator(point: KillPoint) -> Iterator[Simulator]:
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=0.2,
        pad_to=point.bytes_a_video,
    )
    with Simulator(settings) as running:
        yield running


async def test_a_killed_run_is_gone_on_with(  # noqa: PLR0917 - what a batch stands on
    make: Make,
    start: Start,
    simulator: Simulator,
    store: FaultyStore,
    aws_bucket: VideoBucket,
    videos: Callable[[], dict[str, str]],
    point: KillPoint,
    seed: int,
) -> None:
    drawn = random.Random(f"{point.name} {seed}")
    # Two at least: what was never sent is sent again once the look-up is proven by another.
    scenes = [f"scene {number}" for number in range(drawn.randint(2, 4))]
    failing = ["fail me"] * drawn.randint(0, 1)  # its first attempt fails; so does the second
    hit = drawn.choice(scenes)
    if point.provider:
        simulator.faults.add(point.provider)
    if point.store:
        store.hold = replace(point.store, path=where(hit, aws_bucket) + point.store.path)
    process = start([*scenes, *failing])
    # Another shot is accepted by then: without any, no look-up is proven, and the run would stop.
    await simulator.await_for(
        lambda: simulator.faults.held or (store.held.is_set() and simulator.ledger.paid), 90
    )
    process.kill()
    assert process.wait() == -signal.SIGKILL
    simulator.faults.clear()
    simulator.faults.release()
    store.hold = None
    before = videos()

    manifest = await make([*scenes, *failing], on_failure="tolerate")

    assert manifest.shots("stored") == len(scenes)
    assert_paid_once(simulator, manifest)
    after = videos()
    assert {key: after[key] for key in before} == before  # nothing is overwritten
    assert {row.key: row.sha256 for row in manifest.stored} == after
    assert aws_bucket.load_manifest("b").stored == manifest.stored


def where(scene: str, bucket: VideoBucket) -> str:
    """A regular expression for the folders of a shot, and for its batch where that is meant."""
    spec = BatchSpec(scenes=[Scene(prompt=scene)], variants=[SHORT])
    [shot] = plan_batch(spec, "b", bucket.uri()).shots
    return f"(/b/records/{shot.shot_id}|/{shot.folder}|/b(?=/manifest)).*"


def assert_paid_once(simulator: Simulator, manifest: Manifest) -> None:
    """What is stored was paid once; what was paid otherwise, the provider itself failed."""
    kept = {row.task_id for row in manifest.stored}
    paid = simulator.ledger.paid
    assert sorted(str(one.task_id) for one in paid if not one.refunded) == sorted(map(str, kept))
    shots = [str(one.business_id).rpartition("-")[0] for one in paid if not one.refunded]
    assert len(shots) == len(set(shots))
