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

from prefect_toapis import (
    Manifest,
    PollingSettings,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
    Variant,
    VideoBucket,
)
from prefect_toapis.reports.manifest import ManifestRow
from prefect_toapis.simulator import (
    Conflict,
    Dialect,
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
    Submission,
    Trickle,
    Truncate,
)
from prefect_toapis.simulator.dialects import Wordings
from prefect_toapis.simulator.error_bodies import ERROR_SHAPES, ErrorShape

HIT = [f"scene {number}" for number in range(3)]  # by faults
UNHIT = ["scene 3", "scene 4"]
REFUSED, FAILING = "refuse me", "fail me"
VARIANTS = [
    Variant(name="one", model="sora-2-vip", duration=1),
    Variant(name="two", model="sora-2-vip", duration=1, n=2),
]
SCENES = [*HIT, *UNHIT, REFUSED, FAILING]
SHOTS = len(SCENES) * len(VARIANTS)
OUTPUTS = {"one": 1, "two": 2}
RUNS = 2
PRICE = 20
SAYING: list[ErrorShape] = [shape for shape in ERROR_SHAPES if shape != "empty"]
NOT_NOW = "Not this time, says the provider"
POLICY = "content policy"
NO_BALANCE = "insufficient_quota"
BALANCE = "The balance does not cover this generation"

Draw = Callable[[random.Random], Fault]


def refused(operation: Any, *statuses: int, when: Any = "before") -> Draw:
    def draw(drawn: random.Random) -> Fault:
        status = drawn.choice(statuses)
        shape = drawn.choice(SAYING)
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
def dialect() -> Dialect:
    return "random"


@pytest.fixture
def provider(dialect: Dialect, seed: int) -> Iterator[Provider]:
    drawn = random.Random(f"dialects {seed}")
    wild = dialect == "random"
    balance = drawn.choice([None, None, None, PRICE * drawn.randrange(3, SHOTS)]) if wild else None
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=0.2,
        price_credits=PRICE,
        balance_credits=balance,
        draw_prompts=True,  # so that no two generations have the same video
        short_side=64,
        dialect=dialect,
        seed=seed,
    )
    faults: dict[str, Fault] = {}
    for name in drawn.sample(sorted(FAULTS), 5 if wild else 0):
        hit = {"times": drawn.choice([1, 2, 3, None]), "prompt": drawn.choice(HIT)}
        faults[name] = FAULTS[name](drawn).model_copy(update=hit)
    with Simulator(settings) as simulator:
        simulator.faults.add(*faults.values())
        yield Provider(simulator, faults)


@pytest.fixture
def simulator(provider: Provider) -> Simulator:
    return provider.simulator


@pytest.fixture
def brief(resilient: RunSettings) -> RunSettings:
    """As `resilient`, but for what an absent submission means, and sooner at the end of it."""
    return resilient.with_overrides(
        RunSettings(
            polling=PollingSettings(grace_seconds=1, timeout_seconds=10),
            retries=RetrySettings(client_seconds=1, task_delays_seconds=[0.2, 0.5]),
            purchases=PurchaseSettings(lookup_window_seconds=1.5, on_absent="auto"),
        )
    )


async def test_each_shot_is_stored_and_paid_once_or_says_why_not(
    make: Make, provider: Provider, aws_bucket: VideoBucket, brief: RunSettings, seed: int
) -> None:
    simulator = provider.simulator
    manifest = await made(make, brief)
    show(provider, manifest)
    shots: dict[str, list[ManifestRow]] = {}
    for row in manifest.rows:
        shots.setdefault(row.shot_id, []).append(row)
    assert len(shots) == SHOTS
    assert_paid_at_most_once(simulator)
    assert_videos_are_whole_and_their_own(manifest, aws_bucket)
    for rows in shots.values():
        assert_stored_or_explained(rows, simulator)
        for text in texts_of(rows[0], simulator, seed):
            assert text in f"{rows[0].error} {rows[0].reply}"
    assert_words_alone_lose_nothing(manifest, simulator)
    assert simulator.ledger.leaked_keys == 0
    said = manifest.model_dump_json()
    assert not [secret for secret in (simulator.api_key, "signature=") if secret in said]


@pytest.mark.parametrize("dialect", ["documented", "gateway"])
async def test_a_provider_without_faults_is_understood(
    make: Make, provider: Provider, aws_bucket: VideoBucket, brief: RunSettings
) -> None:
    manifest = await made(make, brief)
    show(provider, manifest)
    stored = Counter((row.prompt, row.variant) for row in manifest.stored)
    assert stored == {(scene, name): n for scene in [*HIT, *UNHIT] for name, n in OUTPUTS.items()}
    assert_videos_are_whole_and_their_own(manifest, aws_bucket)
    assert Counter((row.prompt, row.status) for row in manifest.failed) == {
        (prompt, "failed"): len(VARIANTS) for prompt in (REFUSED, FAILING)
    }
    assert all(POLICY in (row.error or "") for row in manifest.failed)
    assert_paid_at_most_once(provider.simulator)
    assert provider.simulator.ledger.leaked_keys == 0


async def made(make: Make, settings: RunSettings) -> Manifest:
    """The batch, run again until nothing is open, but no more often than a person would."""
    for _ in range(RUNS - 1):
        manifest = await make(SCENES, variants=VARIANTS, settings=settings, on_failure="tolerate")
        if not manifest.open:
            return manifest
    return await make(SCENES, variants=VARIANTS, settings=settings, on_failure="tolerate")


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


def assert_stored_or_explained(rows: list[ManifestRow], simulator: Simulator) -> None:
    first = rows[0]
    kept = kept_of(first, simulator)
    stored = [row for row in rows if row.status == "stored"]
    if stored:
        assert kept == [stored[0].task_id]
        missing = OUTPUTS[first.variant] - len(stored)
        assert missing == 0 or any(row.note or row.error for row in rows), rows
    elif first.status == "planned":  # the batch had stopped before it
        assert not kept
    else:
        assert first.status in {"open", "failed"}
        assert first.error, first
        # Who reads the row of a paid shot can ask the provider for it.
        assert not kept or first.task_id or first.business_id


def assert_words_alone_lose_nothing(manifest: Manifest, simulator: Simulator) -> None:
    """What no fault met is stored once it is paid, and what failed is known to have failed."""
    shared = {task for task, count in Counter(tasks_of(manifest)).items() if count > 1}
    for row in manifest.rows:
        if row.prompt in UNHIT and kept_of(row, simulator) and row.task_id not in shared:
            assert row.status == "stored", row
        sent = sent_of(row, simulator)
        if row.prompt in {REFUSED, FAILING} and sent and sent[-1].refusal != NO_BALANCE:
            assert row.status == "failed", row


def tasks_of(manifest: Manifest) -> list[str | None]:
    """The task id of each shot."""
    return list({row.shot_id: row.task_id for row in manifest.rows}.values())


def sent_of(row: ManifestRow, simulator: Simulator) -> list[Submission]:
    """The submissions of a row's shot."""
    every = simulator.ledger.submissions
    return [one for one in every if shot_of(one.business_id) == shot_of(row.business_id)]


def kept_of(row: ManifestRow, simulator: Simulator) -> list[str | None]:
    """The tasks that were paid for a row's shot, and not paid back."""
    sent = sent_of(row, simulator)
    return [one.task_id for one in sent if one.paid and not one.refunded]


def texts_of(row: ManifestRow, simulator: Simulator, seed: int) -> list[str]:
    """What the provider said of a shot that failed, where that is certain."""
    sent = sent_of(row, simulator)
    if row.status != "failed" or not sent:
        return []
    if sent[-1].refunded:
        return [POLICY]
    words = {"content_policy_violation": POLICY, NO_BALANCE: BALANCE}
    refusal = sent[-1].refusal
    if refusal not in words:
        return []
    wordings = Wordings("random", seed)
    shapes = {wordings.error(refusal, row.prompt).shape for _ in simulator.ledger.submissions}
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
