"""What stands in .github: the workflow runs what .ci/run runs, and GitHub can read each form."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMS = sorted(path.name for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
FORMS.remove("config.yml")


def read(name: str) -> Any:
    return yaml.safe_load((GITHUB / name).read_text())


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = read("workflows/ci.yml")["jobs"]
    return found


def commands(job: Any) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_the_workflow_runs_each_script_that_ci_runs() -> None:
    run_by_ci = re.findall(r"^ *(scripts/\w+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    run_by_jobs = set(re.findall(r"scripts/\w+", "\n".join(map(commands, jobs().values()))))
    assert run_by_ci
    assert {*run_by_ci, "scripts/install"} == run_by_jobs
    for script in run_by_jobs:
        assert os.access(ROOT / script, os.X_OK), script


def test_the_workflow_installs_the_debian_packages_of_ci() -> None:
    wanted = set(re.findall(r"missing\+=\(([\w-]+)\)", (ROOT / ".ci/run").read_text()))
    wanted.remove("python3-venv")  # Python's image has it
    installed = re.search(r"apt-get install -qq --yes (.+)", commands(jobs()["test"]))
    assert installed
    assert set(installed[1].split()) == wanted


def test_the_workflow_tests_each_python_from_the_oldest_on() -> None:
    matrix = jobs()["test"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.10", "3.11", "3.12", "3.13"]
    declared = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={matrix[0]}"' in declared
    assert re.findall(r"Python :: (3\.\d+)\"", declared) == matrix


def test_an_action_is_named_by_its_commit_and_gets_no_right_to_write() -> None:
    workflow = read("workflows/ci.yml")
    actions = [step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step]
    assert actions
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("form", FORMS)
def test_an_issue_form_has_what_github_requires(form: str) -> None:
    content = read(f"ISSUE_TEMPLATE/{form}")
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert any(field["validations"]["required"] for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    identifiers = [field["id"] for field in fields]
    assert len(set(identifiers)) == len(identifiers)
    for field in fields:
        if field["type"] == "dropdown":
            assert all(isinstance(option, str) for option in field["attributes"]["options"])


def test_there_is_a_form_for_a_bug_and_for_a_feature() -> None:
    assert FORMS == ["bug.yml", "feature.yml"]


def test_each_link_to_the_repository_leads_to_its_home_and_to_a_file() -> None:
    texts = [path.read_text() for path in GITHUB.rglob("*.*") if path.is_file()]
    texts.append((ROOT / "pyproject.toml").read_text())
    links = re.findall(r"https://github\.com/([^\s\"')]+)", "\n".join(texts))
    assert links
    for link in links:
        owner, name, *rest = link.partition("#")[0].split("/")
        assert (owner, name) == ("prefect-toapis", "prefect-toapis")
        if rest[:2] == ["blob", "main"]:
            assert ROOT.joinpath(*rest[2:]).is_file(), link


def test_dependabot_updates_python_and_actions_in_groups() -> None:
    updates = read("dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
    for update in updates:
        assert update["directory"] == "/"
        assert [group["patterns"] for group in update["groups"].values()] == [["*"]]


def test_dependabot_passes_over_what_pyproject_holds_back() -> None:
    declared = (ROOT / "pyproject.toml").read_text()
    held_back = dict(re.findall(r'^    "([\w-]+)<([\d.]+)",', declared, re.MULTILINE))
    (pip,) = (each for each in read("dependabot.yml")["updates"] if "ignore" in each)
    passed_over = {each["dependency-name"]: each["versions"] for each in pip["ignore"]}
    assert {"fastapi", "sqlalchemy"} <= held_back.keys()
    assert passed_over == {name: [f">={version}"] for name, version in held_back.items()}
