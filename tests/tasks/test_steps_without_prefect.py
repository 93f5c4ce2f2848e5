"""The steps of a shot as plain functions: they return all that they find out."""

from dataclasses import replace

import pytest

from prefect_toapis import RunSettings, Scene, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.blocks import BucketStore
from prefect_toapis.client.replies import Reply
from prefect_toapis.planning.plan import Shot, plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.stored_shots import StoredShot, read_stored
from prefect_toapis.simulator import Simulator
from prefect_toapis.tasks.download import store_shot
from prefect_toapis.tasks.options import account_of, poll_policy_of
from prefect_toapis.tasks.poll import wait_for
from prefect_toapis.tasks.submit import submit_shot


@pytest.fixture
def shot(bucket: VideoBucket) -> Shot:
    variant = Variant(name="short", model="sora-2-vip", duration=1)
    spec = BatchSpec(scenes=[Scene(prompt="A dog")], variants=[variant])
    return plan_batch(spec, "b", bucket.uri()).shots[0]


async def test_a_shot_is_bought_watched_and_stored_without_a_task(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    shot: Shot,
) -> None:
    store, replies = BucketStore(bucket), list[Reply]()
    with account_of(credentials, quick) as account:
        buyer = Buyer(account, store, quick, run="run-1")
        bought = await submit_shot(shot, buyer)
        found = await submit_shot(shot, replace(buyer, run="run-2"))
        rendered = await wait_for(
            bought.generation, account, poll_policy_of(quick), buyer, replies.append
        )
        done = await store_shot(rendered, account, store, credentials, quick, "run-1")
    assert (bought.bought_now, found.bought_now) == (True, False)
    assert found.generation == bought.generation
    [paid] = simulator.ledger.paid
    assert bought.generation.task_id == done.task_id == paid.task_id
    assert replies[-1].status == "completed"
    written = read_stored(bucket.read(shot_key(done.shot)) or b"", shot_key(done.shot), "s3://")
    assert written == StoredShot.model_validate_json(done.to_json())
    assert [video.key for video in done.videos] == [f"{done.shot.folder}/video-1.mp4"]
    assert (written.run, bucket.head(done.videos[0].key) is not None) == ("run-1", True)
