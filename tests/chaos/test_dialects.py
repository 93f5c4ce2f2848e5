"""Whatever words and faults are drawn: each shot is stored and paid once, or says why it isn't."""

import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import pytest
from rich.console import Console
from tests.chaos.conftest import Make

from prefect_toapis import Manifest, RunSettings, Variant, VideoBucket
from prefect_toapis.batches.manifest import ManifestRow
from prefect_toapis.simulator import (
    Conflict,
    Drop,
    Fault,
    Flood,
    Hide,
    Mixup,
    Partial,
    Redirect,
    Refuse,
    Rewrite,
    SameTask,
    Simulator,
    SimulatorSettings,
    Trickle,
    Truncate,
)
from prefect_toapis.simulator.dialects import Wordings
from prefect_toapis.simulator.error_bodies import ERROR_SHAPES

SCENES = [f"scene {number}" for number in range(5)]
REFUSED, FAILING = "refuse me", "fail me"
VARIANTS = [
    Variant(name="one", model="sora-2-vip", duration=1),
    Variant(name="two", model="sora-2-vip", duration=1, n=2),
]
SHOTS = (len(SCENES) + 2) * len(VARIANTS)
OUTPUTS = {"one": 1, "two": 2}
RUNS = 3
PRICE = 20
NOT_NOW = "Not this time, says the provider"
POLICY = "content policy"
BALANCE = "The balance does not cover this generation"

Draw = Callable[[random.Random], Fault]


def refused(operation: Any, *statuses: int, when: Any = "before") -> Draw:
    def draw(drawn: random.Random) -> Fault:
        status, shape = drawn.choice(statuses), drawn.choice([*ERROR_SHAPES[:1], *ERROR_SHAPES[2:]])
        return Refuse(operation=operation, status=status, when=when, message=NOT_NOW, shape=shape)

    return draw


FAULTS: dict[str, Draw] = {
    "submission refused": refused("submit", 400, 403, 405, 413, 414, 415, 422, 431),
    "submission unknown": refused("submit", 404, 408, 409, 425, 499, 500, 502, 504),
    "submission unknown after acceptance": refused(
        "submit", 404, 408, 409, 425, 499, 500, 502, 504, when="after"
    ),
    "submission lost": lambda _: Drop(operation="submit", when="after"),
    "submission not sent": lambda _: Drop(operation="submit"),
    "submission flooded": lambda _: Flood(
        operation="submit", when="after", size=32 * 1024**2, gzip=True
    ),
    "submission slow": lambda drawn: Trickle(
        operation="submit", bytes_per_second=500, part=drawn.choice(["head", "body"])
    ),
    "exists already": lambda drawn: Conflict(first=drawn.random() < 0.5),
    "same task": lambda _: SameTask(),
    "hidden": lambda drawn: Hide(
        seconds=drawn.choice([0.5, 3600]), queries=drawn.choice(["all", "lookup"])
    ),
    "partial": lambda drawn: Partial(
        outputs=drawn.choice([0, 1]), seconds=drawn.choice([0.3, None])
    ),
    "no look-up": refused("lookup", 404),
    "status refused": refused("status", 404, 429, 500, 502),
    "status flooded": lambda _: Flood(operation="status", size=32 * 1024**2, gzip=True),
    "status slow": lambda drawn: Trickle(
        operation="status", bytes_per_second=500, part=drawn.choice(["head", "body"])
    ),
    "another task": lambda _: Mixup(),
    "another id": lambda _: Rewrite(operation="status", members={"id": "video_other"}),
    "another business id": lambda _: Rewrite(
        operation="status", members={"client_business_id": "pt-other"}
    ),
    "expired at 0": lambda _: Rewrite(operation="status", members={"expires_at": 0}),
    "unknown word": lambda _: Rewrite(operation="status", members={"status": "dancing"}),
    "videos refused": refused("media", 401, 403, 404, 500),
    "video cut": lambda drawn: Truncate(
        at_bytes=drawn.randrange(20, 3000), framing=drawn.choice(["length", "chunked", "close"])
    ),
    "video flooded": lambda _: Flood(operation="media", size=32 * 1024**2),
    "video elsewhere": lambda _: Redirect(),
}


@dataclass(frozen=True)
class Provider:
    """What is drawn for a seed."""

    simulator: Simulator
    faults: dict[str, Fault]


@pytest.fixture
def provider(seed: int) -> Iterator[Provider]:
    drawn = random.Random(f"dialects {seed}")
    balance = drawn.choice([None, None, None, PRICE * drawn.randrange(3, SHOTS)])
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=0.2,
        price_credits=PRICE,
        balance_credits=balance,
        draw_prompts=True,  # so that no two generations have the same video
        short_side=64,
        dialect="random",
        seed=seed,
    )
    faults: dict[str, Fault] = {}
    for name in drawn.sample(sorted(FAULTS), 5):
        times = drawn.choice([1, 2, 3, None])
        prompt = drawn.choice([*SCENES, ""]) if times else drawn.choice(SCENES)
        faults[name] = FAULTS[name](drawn).model_copy(update={"times": times, "prompt": prompt})
    with Simulator(settings) as simulator:
        simulator.faults.add(*faults.values())
        yield Provider(simulator, faults)


@pytest.fixture
def simulator(provider: Provider) -> Simulator:
    return provider.simulator


@pytest.fixture
def brief(resilient: RunSettings) -> RunSettings:
    """As `resilient`, but for what an absent submission means, and sooner at the end of it."""
    short = {"grace_seconds": 1, "settle_seconds": 1.5, "retry_seconds": 1, "patience_seconds": 15}
    delays = {"task_retry_delays_seconds": [0.2, 0.5]}
    by_default = {"on_absent": RunSettings().on_absent}
    return resilient.model_copy(update=short | delays | by_default)


async def test_each_shot_is_stored_and_paid_once_or_says_why_not(
    make: Make, provider: Provider, aws_bucket: VideoBucket, brief: RunSettings, seed: int
) -> None:
    simulator = provider.simulator
    scenes = [*SCENES, REFUSED, FAILING]
    for _ in range(RUNS):
        manifest = await make(scenes, variants=VARIANTS, settings=brief, on_failure="tolerate")
    show(provider, manifest)
    shots: dict[str, list[ManifestRow]] = {}
    for row in manifest.rows:
        shots.setdefault(row.shot_id, []).append(row)
    assert len(shots) == SHOTS
    assert_paid_at_most_once(simulator)
    assert_videos_are_whole_and_their_own(manifest, aws_bucket)
    for rows in shots.values():
        assert_stored_or_explained(rows, simulator, seed)
    assert simulator.ledger.leaked_keys == 0
    said = manifest.model_dump_json()
    assert not [secret for secret in (simulator.api_key, "signature=") if secret in said]


def assert_paid_at_most_once(simulator: Simulator) -> None:
    paid = simulator.ledger.paid
    assert not [one for one, count in Counter(one.business_id for one in paid).items() if count > 1]
    kept = Counter(shot_of(one.business_id) for one in paid if not one.refunded)
    assert not [shot for shot, count in kept.items() if count > 1]


def assert_videos_are_whole_and_their_own(manifest: Manifest, bucket: VideoBucket) -> None:
    contents = [bucket.read(row.key or "") or b"" for row in manifest.stored]
    for content in contents:
        with av.open(io.BytesIO(content), "r") as video:
            assert sum(1 for _ in video.decode(video=0)) > 1
    assert len({*contents}) == len(contents)


def assert_stored_or_explained(rows: list[ManifestRow], simulator: Simulator, seed: int) -> None:
    first = rows[0]
    kept = [
        one
        for one in simulator.ledger.paid
        if not one.refunded and shot_of(one.business_id) == shot_of(first.business_id)
    ]
    stored = [row for row in rows if row.status == "stored"]
    if stored:
        assert [one.task_id for one in kept] == [stored[0].task_id]
        missing = OUTPUTS[first.variant] - len(stored)
        assert missing == 0 or any(row.note or row.error for row in rows), rows
        return
    if first.status == "planned":  # the batch had stopped before it
        assert not kept
        return
    assert first.status in {"open", "failed"}
    assert first.error, first
    if kept:  # paid: whoever reads the row can ask the provider for it
        assert first.task_id or first.business_id
    for text in texts_of(first, simulator, seed):
        assert text in f"{first.error} {first.reply}"


def texts_of(row: ManifestRow, simulator: Simulator, seed: int) -> list[str]:
    """What the provider said of a shot that failed, where that is sure."""
    sent = [one for one in simulator.ledger.submissions if one.business_id == row.business_id]
    if row.prompt == FAILING and sent and sent[-1].refunded and row.status == "failed":
        return [POLICY]
    refusal = sent[-1].refusal if sent else None
    words = {"content_policy_violation": POLICY, "insufficient_quota": BALANCE}
    if refusal not in words or row.status != "failed":
        return []
    earlier = [one for one in simulator.ledger.submissions if one.refusal == refusal]
    wordings = Wordings("random", seed)
    shapes = {wordings.error(refusal, row.prompt).shape for _ in earlier}
    return [] if "empty" in shapes else [words[refusal]]


def shot_of(business_id: str | None) -> str:
    """A shot's part of the id that the provider knows an attempt by."""
    return (business_id or "").rpartition("-")[0]


def show(provider: Provider, manifest: Manifest) -> None:
    """What was drawn and what came of it, for `scripts/chaos`, which shows what tests print."""
    console = Console(width=120)
    for name, fault in provider.faults.items():
        console.print(f"{name}: {fault}")
    for row in [*manifest.open, *manifest.failed]:
        console.print(f"{row.label}: {row.status}: {row.error}", markup=False)
    statuses = Counter(row.status for row in manifest.rows)
    console.print(f"rows: {dict(statuses)}; paid: {len(provider.simulator.ledger.paid)}")
