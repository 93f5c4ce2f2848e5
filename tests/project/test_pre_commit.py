"""pre-commit runs the project's own tools, not copies of another version."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGURATION = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["id"]: hook for repository in CONFIGURATION["repos"] for hook in repository["hooks"]}
IN_THE_ENVIRONMENT = [hook for hook in HOOKS.values() if hook["language"] == "system"]


def test_no_hook_comes_from_another_repository() -> None:
    assert [repository["repo"] for repository in CONFIGURATION["repos"]] == ["local"]


@pytest.mark.parametrize("hook", IN_THE_ENVIRONMENT, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_a_pinned_tool_on_what_exists(hook: dict[str, Any]) -> None:
    program, *arguments = hook["entry"].split()
    tool = program.removeprefix(".venv/bin/")
    assert tool != program
    pins = (ROOT / "requirements-dev.txt").read_text()
    assert re.search(rf"^{re.escape(tool)}==", pins, re.MULTILINE)
    for argument in arguments:
        if "/" in argument:
            assert (ROOT / argument).is_file()


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("conflicts", "<<<<<<< HEAD"),
        ("secrets", 'api_key = "sk-' + "0123456789abcdef" * 2 + '"'),
        ("secrets", "AKIA" + "ABCD" * 4),
        ("secrets", "https://b.s3.example/v.mp4?X-Amz-Signature=" + "0f" * 32),
        ("secrets", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    ],
)
def test_what_must_not_be_committed_is_found(hook: str, text: str) -> None:
    assert re.search(HOOKS[hook]["entry"], text)
    assert not re.search(HOOKS[hook]["entry"], "api_key='sk-...' AKIA0 a <<<<<<< b")
