"""`prefect-toapis spend`: adds up what the records in the bucket say was bought."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated

from cyclopts import Parameter
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prefect_toapis.blocks import BucketStore
from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.client.account_replies import CREDITS_PER_USD
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import VARIABLE
from prefect_toapis.records.paid_attempts import Period, paid_attempts
from prefect_toapis.reports.spend import Of, SpendReport, Sum

_SHOWN = 40  # characters of an argument
_SECTIONS: Mapping[str, Callable[[Of], str]] = {
    "day (UTC)": lambda of: of.day,
    "model": lambda of: of.model,
    "batch": lambda of: of.batch,
}


def spend(
    *,
    since: str | None = None,
    until: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Add up what was bought, by day, model and batch, from the records in the bucket.

    Failed and rejected generations aren't charged, and not counted. Credits are calculated with the
    prices in the file that TOAPIS_PRICES names. The bucket comes from the Prefect block named
    "default", or else from TOAPIS_BUCKET=s3://name/prefix.

    Args:
        since: The first day, such as 2026-11-01, or a time such as 2026-11-01T12:00; in UTC unless
            it has an offset. Default: the oldest record.
        until: The last day, included, or a time, excluded. Default: now.
        json: Print an object with the total, and a row for each day, model and batch.
    """
    with command_output(json=json) as output:
        period = Period(start_of(since), end_of(until))
        report = asyncio.run(_report(output, period))
        output.facts(
            since=period.since.isoformat() if period.since else None,
            until=period.until.isoformat() if period.until else None,
            **report.as_json(),
        )
        output.show(*_shown(report))


def start_of(text: str | None) -> datetime | None:
    """Return the first moment of a day, or a time; in UTC unless it has an offset.

    Raises:
        ValueError: It is neither.

    Example:
        >>> print(start_of("2026-11-01"))
        2026-11-01 00:00:00+00:00
    """
    return _moment(text, timedelta(0)) if text is not None else None


def end_of(text: str | None) -> datetime | None:
    """Return the first moment after a day, or a time; as `start_of`.

    Example:
        >>> print(end_of("2026-11-30"))
        2026-12-01 00:00:00+00:00
    """
    return _moment(text, timedelta(days=1)) if text is not None else None


def _moment(text: str, later: timedelta) -> datetime:
    try:
        if "T" not in text and " " not in text:
            midnight = datetime.combine(date.fromisoformat(text), time(), timezone.utc)
            return midnight + later
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        what = "give a date such as 2026-11-01, or a time such as 2026-11-01T12:00"
        raise ValueError(f"{printable(text, _SHOWN)!r}: {what}") from None


async def _report(output: CommandOutput, period: Period) -> SpendReport:
    report = SpendReport(prices_in_use([]), Catalogue.current())
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    async for batch, attempts in paid_attempts(BucketStore(bucket), period):
        for attempt in attempts:
            report.add(batch, attempt)
    return report


def _shown(report: SpendReport) -> Iterator[RenderableType]:
    for title, key in _SECTIONS.items() if report.sums else ():
        yield _table(title, report.by(key))
        yield ""
    yield _in_words(report)
    yield from (f"  {reason}" for reason in report.reasons)


def _table(title: str, sums: Mapping[str, Sum]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(f"by {title}", overflow="fold")
    columns = ["bought", "credits", "without price", "unconfirmed"]
    shown = {
        "without price": any(each.unpriced for each in sums.values()),
        "unconfirmed": any(each.unconfirmed for each in sums.values()),
    }
    columns = [column for column in columns if shown.get(column, True)]
    for column in columns:
        table.add_column(column, justify="right")
    for name, each in sums.items():
        cells = {
            "bought": f"{each.bought:,}",
            "credits": _credits(each),
            "without price": _count(each.unpriced),
            "unconfirmed": _count(each.unconfirmed),
        }
        table.add_row(Text(name), *(Text(cells[column]) for column in columns))
    return table


def _in_words(report: SpendReport) -> str:
    total = report.total
    if not report.sums and not report.unreadable:
        return "Nothing was bought in this time."
    words = f"{total.bought:,} bought"
    if total.unpriced < total.bought:
        dollars = total.credits / CREDITS_PER_USD
        least = "at least" if total.unpriced else "about"
        words += f" for {least} {_credits(total)} credits (${dollars:,.2f})"
    notes = [
        f"{total.unpriced:,} without a price in {VARIABLE}" if total.unpriced else "",
        f"{total.unconfirmed:,} more may have been accepted" if total.unconfirmed else "",
        f"{report.unreadable:,} records can't be read" if report.unreadable else "",
    ]
    return f"{'; '.join([words, *filter(None, notes)])}."


def _credits(each: Sum) -> str:
    known = each.as_json()["credits"]
    if known is None or not each.bought:
        return ""
    return f"{known:,.2f}".rstrip("0").rstrip(".")


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
