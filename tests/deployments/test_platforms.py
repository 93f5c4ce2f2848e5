"""What is shipped for Docker, Kubernetes and ECS, as far as it shows without any of them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from prefect.client.orchestration import SyncPrefectClient
from tests.prefect_server import PREFECT

from prefect_toapis.deployments import PREFECT_FILE
from prefect_toapis.deployments.server_resources import WORK_POOL

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deployments/docker"
SHIPPED: list[dict[str, Any]] = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]

platform = pytest.mark.parametrize("platform", ["docker", "kubernetes", "ecs"])


def template(platform: str) -> dict[str, Any]:
    path = ROOT / "deployments" / platform / "base-job-template.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def overlay(platform: str) -> dict[str, Any]:
    path = ROOT / "deployments" / platform / "prefect.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@platform
def test_a_template_has_just_the_variables_that_it_uses_with_valid_defaults(platform: str) -> None:
    variables = template(platform)["variables"]
    used = re.findall(r"{{ (\w+) }}", json.dumps(template(platform)["job_configuration"]))
    assert set(used) == set(variables["properties"])
    Draft202012Validator.check_schema(variables)
    for name, variable in variables["properties"].items():
        if "default" in variable:
            assert Draft202012Validator(variable).is_valid(variable["default"]), name
    assert set(variables["required"]) <= set(used)


@platform
def test_the_shipped_deployments_and_the_overlay_fit_the_template(platform: str) -> None:
    variables = Draft202012Validator(
        {**template(platform)["variables"], "additionalProperties": False}
    )
    for deployment in [*SHIPPED, *overlay(platform)["deployments"]]:
        pool = deployment["work_pool"]
        assert pool["name"] == WORK_POOL
        image = {"image": "an-image"}
        assert not list(variables.iter_errors(image | pool["job_variables"]))


@platform
def test_an_overlay_changes_where_the_night_runs_and_not_what_it_makes(platform: str) -> None:
    [night] = overlay(platform)["deployments"]
    [shipped] = [one for one in SHIPPED if one["name"] == "nightly"]
    apart = ("work_pool", "parameters")
    same = [{key: one[key] for key in one if key not in apart} for one in (night, shipped)]
    assert same[0] == same[1]
    assert night["parameters"].items() <= shipped["parameters"].items()


@platform
def test_a_pool_of_that_type_takes_the_deployments(
    platform: str, server: dict[str, str], client: SyncPrefectClient, tmp_path: Path
) -> None:
    """A real server checks the template, and the job variables of each deployment against it."""
    pool = f"videos-on-{platform}"
    path = ROOT / "deployments" / platform / "base-job-template.json"
    create = ["work-pool", "create", pool, "--type", platform, "--base-job-template", str(path)]
    output(create, server)
    file = tmp_path / "prefect.yaml"
    file.write_text(
        (ROOT / "deployments" / platform / "prefect.yaml")
        .read_text()
        .replace(f"work_pool:\n      name: {WORK_POOL}\n", f"work_pool:\n      name: {pool}\n")
        .replace("name: nightly\n", f"name: nightly-{platform}\n")
        .replace("cron: ", "active: false, cron: ")
    )
    output(["deploy", "--prefect-file", str(file), "--all"], server)
    found = client.read_deployment_by_name(f"generate-from-spec/nightly-{platform}")
    assert found.work_pool_name == pool
    assert client.read_work_pool(pool).type == platform
    assert found.job_variables == overlay(platform)["deployments"][0]["work_pool"]["job_variables"]


def test_the_image_is_built_from_what_the_wheel_is_made_of() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    wheel = re.search(r"targets\.wheel\]\nonly-include = (\[.+?\n\])", project, re.DOTALL)
    assert wheel
    named = {"pyproject.toml", "README.md", "LICENSE"}
    assert '\nreadme = "README.md"\n' in project
    assert '\nlicense-files = ["LICENSE"]\n' in project
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text()
    allowed = set(re.findall("^!(.+)$", ignored, re.MULTILINE))
    folders: list[str] = yaml.safe_load(wheel[1])
    assert allowed == named | {folder.partition("/")[0] for folder in folders}
    assert all((ROOT / name).exists() for name in allowed)
    extras = re.search(r"\$\{wheel\}\[([\w,]+)\]", (DOCKER / "Dockerfile").read_text())
    assert extras
    for extra in extras[1].split(","):
        assert f"\n{extra} = [" in project


def output(command: list[str], environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [*PREFECT, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
