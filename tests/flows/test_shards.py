"""Splitting a batch over several runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.flows.batch import shard_count
from prefect_toapis.flows.shards import signed_url_faults, split
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec


@pytest.mark.parametrize(
    ("shots", "size", "count"),
    [(0, 5, 1), (1, 5, 1), (5, 5, 1), (6, 5, 2), (10, 5, 2), (11, 5, 3), (3, 1, 3), (9, None, 1)],
)
def test_no_shard_is_larger_than_the_size(shots: int, size: int | None, count: int) -> None:
    assert shard_count(shots, size) == count


@given(st.sets(st.text(min_size=1)), st.integers(1, 20))
def test_each_shot_is_in_one_shard_and_the_shards_are_alike(ids: set[str], size: int) -> None:
    shards = split(sorted(ids), shard_count(len(ids), size))
    assert sorted(one for shard in shards for one in shard) == sorted(ids)
    assert max(map(len, shards)) <= size
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_what_comes_first_comes_first_in_each_shard() -> None:
    assert split(["sent-1", "sent-2", "new-1", "new-2", "new-3"], 2) == [
        ["sent-1", "new-1", "new-3"],
        ["sent-2", "new-2"],
    ]


def test_a_shot_with_a_signed_url_is_named_without_its_signature() -> None:
    signed = "https://m.example/dog.png?X-Amz-Signature=5ec2e7"
    spec = BatchSpec.model_validate(
        {
            "scenes": [
                {"name": "signed", "prompt": "a dog", "image_urls": [signed]},
                {"name": "plain", "prompt": "a dog", "image_urls": ["https://m.example/dog.png"]},
            ]
        }
    )
    [fault] = signed_url_faults(plan_batch(spec, "b", "s3://videos").shots[:1], spec)
    assert fault.startswith("signed")
    assert "5ec2e7" not in fault
    assert signed_url_faults(plan_batch(spec, "b", "s3://videos").shots[1:], spec) == []
