"""What a terminal, a log, a name or a page would act upon is shown, and never acted upon."""

import io
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from rich.text import Text

from prefect_toapis import Manifest, RunSettings, Scene, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.cli.console import Console
from prefect_toapis.cli.progress_bars import outcome, planned, reconciled
from prefect_toapis.client.errors import GenerationFailed, InvalidRequest, ToAPIsError
from prefect_toapis.client.plain_text import LinesOfOurs, printable, printable_lines, visible
from prefect_toapis.errors import BatchFailed, InvalidBatch
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.flows.progress import Progress
from prefect_toapis.flows.run_names import name_of, shard_name
from prefect_toapis.planning.labels import RunFacts, shot_label
from prefect_toapis.reports.artifacts import gallery_markdown, shot_table
from prefect_toapis.reports.gallery import gallery_html
from prefect_toapis.reports.manifest import ManifestRow
from prefect_toapis.reports.plan_artifacts import plan_markdown
from prefect_toapis.simulator import Replace, Simulator

ACTIVE = [
    *("\x1b[2J", "\x1b]0;owned\x07", "\x9b2J", "\x9d0;x\x9c", "\x08\x08", "\x7f", "\x85"),
    *("\u202eevil", "\u2066x\u2069", "\u200b", "\ufeff", "\u2028", "\u2029", "\x00", "\r\n"),
]
HOSTILE = "dog" + "".join(ACTIVE) + "\nERROR all is lost"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u200b\ufeff\ud800-\udfff]")


def assert_safe(text: str, *, lines: bool = False) -> None:
    found = RAW.search(text)
    assert found is None, repr(text[max(0, found.start() - 20) : found.end() + 20])
    assert lines or "\n" not in text


@pytest.mark.parametrize("text", ACTIVE)
def test_what_is_acted_upon_is_shown_as_python_writes_it(text: str) -> None:
    assert_safe(printable(text))
    assert_safe(visible(text), lines=True)
    assert printable(text) != text


@pytest.mark.parametrize(
    "text", ["Ein Café", "👨‍👩‍👧 family", "می‌خواهم", "日本語", "a\u200fb", "😀"]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == visible(text) == printable_lines(text) == text


@given(st.text(), st.integers(1, 50))
def test_any_text_becomes_one_safe_line_of_bounded_length(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert_safe(shown)
    assert len(shown) <= longest
    assert_safe(printable_lines(text), lines=True)
    assert not re.search(r"\n(?!  )", printable_lines(text))
    assert_safe(visible(text), lines=True)


# Errors


def test_errors_quote_the_provider_in_one_line_of_2000_characters() -> None:
    error = GenerationFailed(HOSTILE + "x" * 9000, code=HOSTILE, task_id=HOSTILE, reply=HOSTILE)
    error.add_context(shot=HOSTILE)
    assert len(error.message) == 2000
    for text in (error.message, str(error), repr(error), error.reply or "", *map(str, error.args)):
        assert_safe(text)
    assert len(str(error)) < 5000
    assert error.task_id == HOSTILE, "data stays exact"


def test_faults_are_one_line_each_and_twenty_at_most_in_a_message() -> None:
    error = InvalidBatch([f"{HOSTILE} {number}" for number in range(100_000)])
    assert_safe(str(error), lines=True)
    assert len(str(error).split("\n")) == 22
    assert "and 99,980 more" in str(error)
    assert len(error.faults) == 100_000
    assert_safe(str(InvalidRequest([HOSTILE])))


# Log lines


@pytest.mark.parametrize("name", ["prefect_toapis", "prefect.flow_runs", "prefect.task_runs"])
def test_each_logger_that_this_package_writes_to_has_the_filter(name: str) -> None:
    assert any(isinstance(one, LinesOfOurs) for one in logging.getLogger(name).filters)


def record(path: str, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, path, 1, message, arguments, None)


def test_a_line_of_ours_is_safe_and_one_of_others_is_theirs() -> None:
    ours = record(
        printable.__code__.co_filename, "%s: %s\n  - listed", HOSTILE, ToAPIsError(HOSTILE)
    )
    assert LinesOfOurs().filter(ours)
    assert_safe(ours.getMessage(), lines=True)
    assert ours.getMessage().count("\n") == 1
    theirs = record("/home/flows/mine.py", "%s", "\x1b[1mbold\x1b[0m")
    assert LinesOfOurs().filter(theirs)
    assert theirs.getMessage() == "\x1b[1mbold\x1b[0m"


# Names


def test_labels_and_names_of_runs_are_safe() -> None:
    assert_safe(shot_label(HOSTILE, HOSTILE, HOSTILE, 2))
    now = cast("Any", None)
    facts = RunFacts(now, now, "8f3c")
    assert_safe(name_of({"batch": HOSTILE, "scenes": []}, facts))
    assert_safe(name_of({"spec": f"/x/{HOSTILE}.yaml"}, facts))
    assert_safe(shard_name({"batch": HOSTILE, "shard": 1}))
    assert len(name_of({"batch": "x" * 9999, "scenes": []}, facts)) < 300


# Terminal, artifacts and pages


def manifest() -> Manifest:
    fields: dict[str, Any] = {
        **dict.fromkeys(["scene", "variant", "cast", "model", "prompt", "note", "error"], HOSTILE),
        **dict.fromkeys(["shot_id", "task_id", "uri", "reply", "business_id"], HOSTILE),
        "batch": "b",
        "request": {HOSTILE: HOSTILE},
        "characters": [HOSTILE],
    }
    rows = [
        ManifestRow(**fields, status=status) for status in ("stored", "failed", "open", "planned")
    ]
    return Manifest(batch=HOSTILE, uri=f"s3://videos/{HOSTILE}", rows=rows, plan=HOSTILE)


def printed(what: rich.console.RenderableType, **how: Any) -> str:
    file = io.StringIO()
    Console(file=file, width=200, **how).print(what)
    return file.getvalue()


def test_nothing_that_the_command_line_prints_is_acted_upon() -> None:
    progress = Progress()
    for shown in (
        outcome(manifest(), progress, 1),
        planned(manifest()),
        reconciled(manifest(), progress),
    ):
        assert_safe(printed(shown), lines=True)
    assert "\x1b[31m" in printed(Text("no", style="red"), force_terminal=True), (
        "its own colours stay"
    )
    coloured = printed(Text(HOSTILE, style="red"), force_terminal=True)
    assert_safe(re.sub(r"\x1b\[[\d;]*m", "", coloured), lines=True)


def test_pages_and_artifacts_are_safe_and_the_manifest_is_exact() -> None:
    table = manifest()
    page = gallery_html(table)
    assert_safe(page, lines=True)
    (data,) = re.findall(r'id="batch"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert json.loads(data)["rows"][0]["prompt"] == HOSTILE
    assert_safe(gallery_markdown(table, {}, None), lines=True)
    assert_safe(plan_markdown(table, {}), lines=True)
    for row in shot_table(table):
        assert_safe("".join(map(str, row.values())))
    lines = table.to_jsonl().split("\n")
    again = [ManifestRow.model_validate_json(line) for line in lines if line]
    assert [row.prompt for row in again] == [HOSTILE] * 4


# A whole run


@pytest.fixture
def hostile_provider(simulator: Simulator) -> Simulator:
    """Fails every generation, and says why in its own way."""
    failed = {
        "id": "video_1\x1b[2J",
        "status": "failed",
        "error": {"code": "x\x1b[2J", "message": HOSTILE + "y" * 100_000},
    }
    simulator.faults.add(
        Replace(operation="status", status=200, body=json.dumps(failed), times=None)
    )
    return simulator


@pytest.mark.usefixtures("hostile_provider", "prefect_server", "no_aws_settings", "short_pauses")
async def test_a_run_shows_nothing_raw_of_its_spec_or_of_the_provider(
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    hostile = HOSTILE.replace("\0", "")
    run = cast("Callable[..., Awaitable[Manifest]]", agenerate_videos)
    with pytest.raises(BatchFailed) as failed:
        await run(
            [Scene(prompt=hostile, name=hostile[:100])],
            [Variant(name=f"v{hostile}"[:100])],
            batch="hostile",
            credentials=credentials,
            bucket=bucket,
            settings=quick,
        )
    (row,) = failed.value.manifest.rows
    assert row.prompt == hostile, "data stays exact"
    assert "ERROR all is lost" in (row.error or "")
    assert_safe(row.error or "")
    assert len(row.error or "") < 4000
    for one in log.records:
        if "prefect_toapis" in one.pathname:
            assert_safe(one.getMessage(), lines=True)
            assert not re.search(r"\n(?!  )", one.getMessage())
    assert_safe((bucket.read("hostile/index.html") or b"").decode(), lines=True)
    async with get_client() as client:
        runs = await client.read_task_runs()
        names = [one.name for one in runs]
        flow_runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                id=FlowRunFilterId(any_=[one.flow_run_id for one in runs if one.flow_run_id])
            )
        )
    for name in [*names, *(one.name for one in flow_runs)]:
        assert_safe(name)
    assert any("\\x1b" in name for name in names)
    (state,) = [one.state for one in flow_runs if one.name.startswith("hostile: ") and one.state]
    assert_safe(state.message or "")
