"""The command line as a whole: what it offers, and which version it is."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from prefect_toapis.cli import main

# It doesn't see that the arguments come from `sys.argv`, as those of a user do.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    monkeypatch.setattr(sys, "argv", ["prefect-toapis", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        main()
    return capsys.readouterr().out


def test_says_what_each_command_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overview = " ".join(shown(monkeypatch, capsys, "--help").split())
    assert "balance Show the remaining credits of the account." in overview
    assert "webhooks Receive the provider's webhooks." in overview
    assert "Exit codes: 0: done." in overview


@pytest.mark.parametrize("character", ["\0", "\x1b", "\n", "\x9b", "\u202e", "\udcff"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "spec{}.yaml"),
        ("generate", "spec.yaml", "--batch", "b{}"),
        ("reconcile", "b{}"),
        ("gallery", "b{}"),
    ],
)
def test_an_argument_with_a_control_character_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    character: str,
) -> None:
    monkeypatch.setattr("prefect_toapis.cli.app", None)  # what would ask Prefect
    given = [one.format(character) for one in arguments]
    monkeypatch.setattr(sys, "argv", ["prefect-toapis", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("contains a control character; remove it.")
    assert line.isprintable()


@pytest.mark.parametrize("arguments", [("--version",), ("demo", "--version")])
def test_says_its_own_version(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    assert shown(monkeypatch, capsys, *arguments).strip() == version("prefect-toapis")


def test_a_command_imports_nothing_of_the_others() -> None:
    look = (
        "import sys; from prefect_toapis.cli import app; app(['balance', '--help'], exit_on_error="
        "False, result_action='return_value'); print([n for n in sys.modules if 'demo' in n])"
    )
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("[]\n")
