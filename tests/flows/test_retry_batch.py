"""What is missing of a batch is made from the plan in the bucket, and nothing is bought twice."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from prefect_toapis import (
    InvalidBatch,
    Manifest,
    Price,
    PurchaseSettings,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
)
from prefect_toapis.errors import BatchFailed
from prefect_toapis.flows.retry_batch import aretry_batch
from prefect_toapis.simulator import Refuse, Simulator

Make = Callable[..., Awaitable[Any]]
Retry = Callable[..., Awaitable[Manifest]]

VARIANT = Variant(name="short", model="sora-2-vip", duration=1)


@pytest.fixture
def retry(credentials: ToAPIsCredentials, bucket: VideoBucket) -> Retry:
    async def retry(*told: Any, **named: Any) -> Manifest:
        blocks: Any = {"credentials": credentials, "bucket": bucket}
        manifest: Manifest = await aretry_batch("b", *told, **blocks, **named)
        return manifest

    return retry


def paid(simulator: Simulator) -> list[str]:
    return [str(submission.body["prompt"]) for submission in simulator.ledger.paid]


async def test_what_failed_is_made_and_what_is_stored_is_left(
    make: Make, retry: Retry, simulator: Simulator
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=402, prompt="cat"))
    with pytest.raises(BatchFailed):
        await make(["A dog", "A cat", "A bird"])
    manifest = await retry()
    assert manifest.shots("stored") == manifest.shots() == 3
    assert sorted(paid(simulator)) == ["A bird", "A cat", "A dog"]
    again = await retry()
    assert again.shots("stored") == 3
    assert len(simulator.ledger.paid) == 3


async def test_a_refused_prompt_is_retried_only_if_asked_for(
    make: Make, retry: Retry, simulator: Simulator
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=422, prompt="cat"))
    await make(["A dog", "A cat"], on_failure="tolerate")
    with pytest.raises(BatchFailed) as refused:
        await retry()
    assert refused.value.manifest.shots("failed") == 1
    assert paid(simulator) == ["A dog"]
    assert (await retry(refused_too=True)).shots("stored") == 2
    assert sorted(paid(simulator)) == ["A cat", "A dog"]


async def test_a_changed_prompt_is_another_shot_and_the_same_as_in_a_changed_spec(
    make: Make, retry: Retry, simulator: Simulator, bucket: VideoBucket
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=422, prompt="cat"))
    await make([Scene(name="pet", prompt="A cat"), "A dog"], on_failure="tolerate")
    manifest = await retry(prompts={"pet": "A {{tame}} rabbit"})
    assert manifest.shots("stored") == manifest.shots() == 2
    assert sorted(paid(simulator)) == ["A dog", "A {tame} rabbit"]
    assert {row.prompt for row in manifest.rows if row.in_plan} == {"A dog", "A {tame} rabbit"}
    # The plan has it, and so has the spec of somebody who changes the prompt there.
    assert (await retry()).shots("stored") == 2
    await make([Scene(name="pet", prompt="A {{tame}} rabbit"), "A dog"])
    assert len(simulator.ledger.paid) == 2


@pytest.mark.parametrize(
    ("prompts", "fault"),
    [
        ({"pt": "A dog"}, 'prompts: the plan has no scene or shot "pt"; did you mean "pet"?'),
        ({"pet": " "}, "pet / short: its new prompt is empty"),
        ({"pet": "A {hero}"}, "pet / short: a prompt with characters can only be changed in"),
        ({"pet": "A dog"}, "a-dog / short and pet / short: duplicate shot"),
        ({"pet": "x" * 200_000}, "pet / short: its new prompt exceeds the limit"),
    ],
)
async def test_a_prompt_that_cannot_be_changed_is_a_fault(
    make: Make, retry: Retry, simulator: Simulator, prompts: dict[str, str], fault: str
) -> None:
    await make(["A dog", Scene(name="pet", prompt="A cat")])
    with pytest.raises(InvalidBatch) as refused:
        await retry(prompts=prompts)
    assert any(told.startswith(fault) or fault in told for told in refused.value.faults)
    assert len(simulator.ledger.paid) == 2


async def test_a_batch_that_is_not_there_is_named(retry: Retry, simulator: Simulator) -> None:
    with pytest.raises(InvalidBatch, match=r"there is no s3://.*/b/plan\.json"):
        await retry()
    assert simulator.ledger.submissions == []


async def test_a_shot_with_a_signed_url_is_left_to_its_spec(
    make: Make, retry: Retry, simulator: Simulator, bucket: VideoBucket
) -> None:
    signed = "https://media.example/a.png?X-Amz-Signature=secret"
    simulator.faults.add(Refuse(operation="submit", status=402, prompt="cat"))
    scenes = [Scene(prompt="A cat", image_urls=[signed]), "A dog"]
    with pytest.raises(BatchFailed):
        await make(scenes)
    bought = len(simulator.ledger.paid)
    with pytest.raises(BatchFailed) as left:
        await retry()
    [row] = left.value.manifest.failed
    assert "run the batch from its spec" in (row.error or "")
    assert "a-cat" not in paid(simulator)
    assert len(simulator.ledger.submissions) <= 2 + bought
    plan = json.loads(bucket.read("b/plan.json") or b"")
    assert plan["incomplete"] == [row.shot_id]
    assert "secret" not in json.dumps(plan)
    assert (await make(scenes)).shots("stored") == 2
    assert sorted(paid(simulator)) == ["A cat", "A dog"]


async def test_a_file_that_was_uploaded_is_used_again(
    make: Make, retry: Retry, simulator: Simulator, tmp_path: Path
) -> None:
    Image.new("RGB", (640, 360)).save(tmp_path / "still.png")
    simulator.faults.add(Refuse(operation="submit", status=402, prompt="cat"))
    with pytest.raises(BatchFailed):
        await make([Scene(prompt="A cat", image_urls=[str(tmp_path / "still.png")])])
    (tmp_path / "still.png").unlink()
    assert (await retry()).shots("stored") == 1
    assert len(simulator.ledger.paid) == 1


async def test_the_budget_of_the_batch_is_kept(
    make: Make,
    retry: Retry,
    simulator: Simulator,
    quick: RunSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prices = PurchaseSettings(prices=[Price(model="sora-2-vip", credits=20)])
    settings = quick.with_overrides(RunSettings(purchases=prices))
    simulator.faults.add(Refuse(operation="submit", status=402, prompt="cat"))
    with pytest.raises(BatchFailed):
        await make(["A dog", "A cat"], settings=settings, budget_credits=50)
    with pytest.raises(InvalidBatch, match="has no price"):
        await retry()
    file = tmp_path / "prices.yaml"
    file.write_text("prices: [{model: sora-2-vip, credits: 40}]")
    monkeypatch.setenv("TOAPIS_PRICES", str(file))
    with pytest.raises(InvalidBatch, match="budget_credits=50"):
        await retry()
    assert len(simulator.ledger.paid) <= 1
