"""The shipped `prefect.yaml`, as it is written."""

import re
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

import prefect_toapis
from prefect_toapis.deployments import PREFECT_FILE
from prefect_toapis.deployments.alarms import TAG
from prefect_toapis.deployments.server_resources import WORK_POOL
from prefect_toapis.flows.inputs import IN_BUCKET
from prefect_toapis.flows.interpreter_tuning import ENVIRONMENT_VARIABLE
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.reports.events import GENERATION_COMPLETED, GENERATION_FAILED

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
[NIGHTLY] = [one for one in DEPLOYMENTS if one["name"] == "nightly"]


def test_it_is_for_no_single_version_of_prefect() -> None:
    assert "prefect-version" not in yaml.safe_load(PREFECT_FILE.read_text())


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["entrypoint"])
def test_each_waits_in_the_pool_and_has_the_tag_that_setup_knows(
    deployment: dict[str, Any],
) -> None:
    assert deployment["work_pool"]["name"] == WORK_POOL
    assert deployment["tags"] == [TAG]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["entrypoint"])
def test_each_run_may_tune_the_interpreter_of_its_process(deployment: dict[str, Any]) -> None:
    assert deployment["work_pool"]["job_variables"]["env"][ENVIRONMENT_VARIABLE] == "1"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["entrypoint"])
def test_an_entrypoint_is_a_public_name_that_prefect_loads(deployment: dict[str, Any]) -> None:
    package, _, name = deployment["entrypoint"].partition(":")
    assert package == "prefect_toapis"
    found: Flow[..., Any] = load_flow_from_entrypoint(deployment["entrypoint"])
    assert found is getattr(prefect_toapis, name)
    assert found is load_flow_from_entrypoint(f"{package}.{name}")


def test_the_night_s_name_is_dated_in_the_time_zone_of_its_schedule() -> None:
    [schedule] = NIGHTLY["schedules"]
    zone = re.fullmatch(r"nightly-\{scheduled:(.+)\}", NIGHTLY["parameters"]["batch"])
    assert zone
    assert zone[1] == schedule["timezone"]


def test_the_night_needs_nothing_of_the_machine_that_deploys_it() -> None:
    assert "{{ $" not in PREFECT_FILE.read_text()  # an environment variable
    assert NIGHTLY["parameters"]["spec"] == f"{IN_BUCKET}specs/nightly.yaml"


def test_what_shards_and_events_start_is_deployed_and_only_the_night_runs_by_itself() -> None:
    names = {
        f"{one['entrypoint'].partition(':')[2].replace('_', '-')}/{one['name']}"
        for one in DEPLOYMENTS
    }
    assert RunSettings().shards.deployment in names
    active = [
        one["name"]
        for one in DEPLOYMENTS
        if any(each.get("active", True) for each in one.get("schedules", []))
    ]
    assert active == ["nightly"]


def test_what_is_told_after_a_run_was_set_off_is_seen_by_that_run_or_sets_off_another() -> None:
    [collecting] = [one for one in DEPLOYMENTS if one["name"] == "sweep"]
    [trigger] = collecting["triggers"]
    assert set(trigger["expect"]) == {GENERATION_COMPLETED, GENERATION_FAILED}
    assert trigger["threshold"] == 1
    # For `within` after an event, Prefect heeds no other: the run must not begin before that.
    assert trigger["schedule_after"] >= trigger["within"]
    assert trigger["parameters"]["event_window_seconds"] > 2 * trigger["schedule_after"]
    assert collecting["schedules"]
