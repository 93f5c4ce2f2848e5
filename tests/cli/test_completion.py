"""Completion in a real shell."""

import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, environment

TRY = """
try() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _prefect_toapis
    echo "${COMPREPLY[*]}"
}
"""


def script(shell: str) -> str:
    command = [*COMMAND, "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_bash_completes_commands_options_and_values() -> None:
    tries = {
        "prefect-toapis ge": "generate",
        "prefect-toapis spec p": "put",
        "prefect-toapis generate spec.yaml --re": "--retry-failed",
        "prefect-toapis simulator --dialect w": "",
        "prefect-toapis completion f": "fish",
    }
    lines = "\n".join(f"try {words}" for words in tries)
    ended = subprocess.run(
        ["bash", "--norc"],
        input=f"{script('bash')}\n{TRY}\n{lines}\ncomplete -p prefect-toapis\n",
        capture_output=True,
        text=True,
        check=True,
    )
    *found, registered = ended.stdout.splitlines()
    assert dict(zip(tries, found, strict=True)) == tries
    assert registered == "complete -o default -F _prefect_toapis prefect-toapis"
    assert ended.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_with_the_options_of_every_command(shell: str) -> None:
    text = script(shell)
    assert "retry-failed" in text
    assert "picked" in text


def test_completion_is_installed_for_the_current_shell(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "--install-completion"],
        env=environment(tmp_path, SHELL="/bin/bash"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "prefect-toapis" in (tmp_path / ".bashrc").read_text()
