"""The artifact of a plan, to be read before anything is paid: its prompts, or its faults. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby, takewhile

from prefect_toapis.reports.escaping import plain, plain_lines
from prefect_toapis.reports.manifest import Manifest, ManifestRow

_LONGEST = 400_000  # characters of an artifact, so that a browser shows it without delay
_ROWS_SHOWN = 500
_FAULTS_SHOWN = 200


def plan_markdown(manifest: Manifest, credits_to_pay: Mapping[str, float]) -> str:
    """Render the result of a dry run: each prompt as it is sent, and what is made of it.

    Args:
        manifest: Of the plan.
        credits_to_pay: The price of each shot to buy, by shot id; without those that have none.
    """
    rows = [row for row in manifest.rows if row.in_plan]
    unpriced = not credits_to_pay and any(row.status == "planned" for row in rows)
    shown = [_section(row, credits_to_pay) for row in _of_prompts(rows[:_ROWS_SHOWN])]
    fitting = _fitting([text for text, _ in shown])
    left = len(rows) - sum(count for _, count in shown[: len(fitting)])
    parts = [
        f"# {plain(manifest.batch)}: a dry run",
        f"**{plain(manifest.plan)}.** Nothing was bought.",
        "What it costs isn't known: no prices are given for it." if unpriced else "",
        *fitting,
        f"And {left} more shots." if left else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def faults_markdown(batch: str, faults: Sequence[str]) -> str:
    r"""Render a refused plan.

    Args:
        batch: Name of the batch.
        faults: All of them, at least one.

    Example:
        >>> print(faults_markdown("lisbon", ["scene 1: duration: at most 15"]))
        # lisbon: refused
        <BLANKLINE>
        **1 fault.** Nothing was bought.
        <BLANKLINE>
        - scene 1\: duration\: at most 15
        <BLANKLINE>
    """
    shown = _fitting([f"- {plain_lines(fault)}" for fault in faults[:_FAULTS_SHOWN]])
    more = len(faults) - len(shown)
    parts = [
        f"# {plain(batch)}: refused",
        f"**{len(faults)} fault{'' if len(faults) == 1 else 's'}.** Nothing was bought.",
        "\n".join(shown),
        f"And {more} more." if more else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _of_prompts(rows: Iterable[ManifestRow]) -> list[list[ManifestRow]]:
    """Group successive rows with the same prompt."""
    return [list(group) for _, group in groupby(rows, lambda row: (row.scene, row.prompt))]


def _section(rows: Sequence[ManifestRow], credits_to_pay: Mapping[str, float]) -> tuple[str, int]:
    """Return what is made of a prompt, and the number of its rows."""
    columns = ["shot", "status", "model", "settings", *(["credits"] if credits_to_pay else [])]
    lines = [
        " | ".join(
            [
                f"| {plain(row.label)}",
                "to buy" if row.status == "planned" else row.status,
                plain(row.model),
                plain(_settings(row)),
                *([_credits(row, credits_to_pay)] if credits_to_pay else []),
            ]
        )
        + " |"
        for row in rows
    ]
    prompt = rows[0].prompt
    heading = f"## {plain(rows[0].scene)}"
    text = plain_lines(prompt) if prompt.strip() else "No prompt."
    table = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|", *lines]
    return f"{heading}\n\n{text}\n\n" + "\n".join(table), len(rows)


def _credits(row: ManifestRow, credits_to_pay: Mapping[str, float]) -> str:
    if row.status != "planned":
        return ""
    amount = credits_to_pay.get(row.shot_id)
    return "not known" if amount is None else f"{amount:g}"


def _fitting(parts: Sequence[str]) -> list[str]:
    """Return the first parts that fit into an artifact."""
    totals = accumulate(len(part) for part in parts)
    return list(parts[: len(list(takewhile(lambda total: total <= _LONGEST, totals)))])


def _settings(row: ManifestRow) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.request.items())
