"""`make-videos`: a batch from the fields of a short form."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from prefect_toapis import InvalidBatch, ToAPIsCredentials, VideoBucket, amake_videos, make_videos
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.flows.make_videos import models_of_prompts
from prefect_toapis.simulator import Simulator

FIELDS = ["dry_run", "prompts", "model", "duration", "shape", "takes", "characters", "batch"]


@pytest.fixture(autouse=True)
async def default_blocks(
    credentials: ToAPIsCredentials, bucket: VideoBucket
) -> AsyncIterator[None]:
    await credentials.asave("default")
    await bucket.asave("default")
    yield
    await ToAPIsCredentials.adelete("default")
    await VideoBucket.adelete("default")


async def test_it_plans_by_default_and_buys_each_line_once_when_it_may(
    simulator: Simulator,
) -> None:
    given: dict[str, Any] = {
        "prompts": "A dog runs\n\n{character} waves\n",
        "takes": 2,
        "batch": "b",
    }
    given |= {"model": "sora-2-vip", "shape": "9:16", "characters": "@a.turbo"}
    planned = await amake_videos(**given)
    assert planned.shots() == 4
    assert not simulator.ledger.submissions

    made = await amake_videos(False, **given)
    again = await amake_videos(False, **given)
    assert made.shots("stored") == again.shots("stored") == 4
    paid = [submission.body for submission in simulator.ledger.paid]
    assert sorted(body["prompt"] for body in paid) == ["@a.turbo waves"] * 2 + ["A dog runs"] * 2
    assert {body["aspect_ratio"] for body in paid} == {"9:16"}


async def test_all_faults_are_reported_together_and_by_line(simulator: Simulator) -> None:
    with pytest.raises(InvalidBatch) as refused:
        await amake_videos(False, prompts="A dog\n{hero}\nA dog", duration=7, batch="my dogs!")
    faults = "\n".join(refused.value.faults)
    assert "prompts, line 2: {hero} is no role here" in faults
    assert "prompts, line 3: the same as line 1" in faults
    assert "duration=7 with sora-2" in faults
    assert "batch='my dogs!'" in faults
    with pytest.raises(InvalidBatch, match="give at least one prompt"):
        await amake_videos(False, prompts=" \n ")
    assert not simulator.ledger.submissions


def test_the_form_has_few_fields_with_dry_run_on_top_and_a_list_of_models() -> None:
    fields = make_videos.parameters.properties
    assert sorted(fields, key=lambda name: fields[name]["position"]) == FIELDS
    assert fields["dry_run"]["default"] is True
    assert make_videos.parameters.required == ["prompts"]
    assert {"sora-2", "kling-v3", "veo3.1-fast"} <= {*fields["model"]["enum"]}
    assert fields["model"]["default"] == "sora-2"


@pytest.mark.parametrize("model", models_of_prompts())
def test_each_model_of_the_list_makes_a_prompt_without_another_choice(model: str) -> None:
    assert not check(VideoRequest(model=model, prompt="A dog"), Catalogue.shipped())
