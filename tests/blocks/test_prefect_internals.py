"""What `prefect_internals` counts on in Prefect: each test fails when Prefect changes it."""

import logging
from typing import Any

import pytest
from prefect import flow, task
from prefect.blocks.core import Block
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ParameterTypeError

from prefect_toapis import S3Credentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import (
    QUIET_TASKS,
    NullStorage,
    refer_to_document_of,
    saved_name,
    schema_checksum,
    share_state,
    without_logged_values,
    without_result_storage,
)


@task(name="double", retries=3, tags=["numbers"])
async def double(number: int) -> int:
    return 2 * number


@flow(name="doubled", retries=2)
async def doubled(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("existing", [double, doubled], ids=["task", "flow"])
def test_all_of_a_task_or_flow_is_in_its_dict(existing: Any) -> None:
    assert not [one for one in type(existing).__mro__ if getattr(one, "__slots__", None)]
    kind: type[Any] = type(existing)
    new: Any = object.__new__(kind)
    share_state(new, existing)
    assert vars(new) == vars(existing)
    assert new.name == existing.name
    assert new.retries == existing.retries


@pytest.mark.parametrize("existing", [double, doubled], ids=["task", "flow"])
def test_options_make_a_plain_object_of_a_subclass(existing: Any) -> None:
    kind: type[Any] = type("Own", (type(existing),), {})
    own: Any = object.__new__(kind)
    share_state(own, existing)
    assert type(own.with_options(retries=1)) is type(existing)  # or else ours need none


@pytest.mark.usefixtures("prefect_server")
def test_a_block_knows_the_document_it_was_saved_as() -> None:
    credentials = S3Credentials(profile_name="videos")
    assert saved_name(credentials) is None
    credentials.save("internals", overwrite=True)
    loaded = S3Credentials.load("internals")
    assert isinstance(loaded, S3Credentials)
    assert saved_name(credentials) == saved_name(loaded) == "internals"

    other = S3Credentials(profile_name="videos")
    refer_to_document_of(other, loaded)
    VideoBucket(bucket_name="studio", credentials=other).save("internals", overwrite=True)
    credentials.profile_name = "changed"
    credentials.save("internals", overwrite=True)
    bucket = VideoBucket.load("internals")
    assert isinstance(bucket, VideoBucket)
    assert bucket.credentials
    assert bucket.credentials.profile_name == "changed"


def test_the_checksum_of_a_block_type_is_that_of_its_fields() -> None:
    class One(Block):
        number: int

    class Other(Block):
        number: str

    assert schema_checksum(One).startswith("sha256:")
    assert schema_checksum(One) != schema_checksum(Other)


def test_prefect_logs_the_values_that_do_not_fit_unless_they_are_hidden(
    log: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ParameterTypeError):
        doubled.validate_parameters({"number": "secret-1"})
    assert "secret-1" in log.text  # or else the filter has no use any more
    log.clear()
    with without_logged_values(), pytest.raises(ParameterTypeError):
        doubled.validate_parameters({"number": "secret-2"})
    assert "Parameter validation failed for flow 'doubled'" in log.text
    assert "secret-2" not in log.text


@pytest.mark.usefixtures("prefect_server")
async def test_the_last_line_of_a_completed_task_run_is_left_out_for_quiet_tasks(
    log: pytest.LogCaptureFixture,
) -> None:
    log.set_level(logging.INFO)
    await double(1)
    assert "Finished in state Completed()" in log.text  # or else the filter has no use any more
    log.clear()
    QUIET_TASKS.add("double")
    try:
        await double(1)
    finally:
        QUIET_TASKS.remove("double")
    assert "Finished in state Completed()" not in log.text


@pytest.mark.usefixtures("prefect_server")
async def test_results_of_tasks_are_handed_on_without_a_storage() -> None:
    @task
    async def storage() -> object:
        context = TaskRunContext.get()
        assert context
        return context.result_store.result_storage

    @flow
    async def ours() -> tuple[object, object, object]:
        own = FlowRunContext.get()
        assert own
        before = own.result_store.result_storage
        with without_result_storage():
            within = await storage()
        return before, within, own.result_store.result_storage

    before, within, after = await ours()
    assert isinstance(within, NullStorage)
    assert before == after
    assert not isinstance(before, NullStorage)
