"""`{scheduled}` with Prefect's schedules, where a zone's clock jumps at midnight.

In these zones the clock is put forward from 0:00 to 1:00: that night has no midnight.
"""

from datetime import datetime, timezone
from importlib.metadata import version

import pytest
from prefect.server.schemas.schedules import CronSchedule, RRuleSchedule

from prefect_toapis.planning.labels import RunFacts, batch_name

# The day on which the clock is put forward, in 2026.
DAYS = {"Africa/Cairo": 24, "America/Santiago": 6, "Asia/Beirut": 29}
MONTHS = {"Africa/Cairo": 4, "America/Santiago": 9, "Asia/Beirut": 3}
GOES_BACK = tuple(map(int, version("prefect").split(".")[:2])) < (3, 9)

zone = pytest.mark.parametrize("zone", DAYS)


async def names(schedule: CronSchedule | RRuleSchedule, zone: str, nights: int) -> list[str]:
    start = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    due = await schedule.get_dates(n=nights, start=start)
    facts = [RunFacts(moment, moment, "a-run") for moment in due]
    return [batch_name(f"{{scheduled:{zone}}}", each, zone) for each in facts]


@zone
@pytest.mark.parametrize("cron", ["0 1 * * *", "0 2 * * *", "30 23 * * *"])
async def test_from_one_o_clock_on_each_night_of_a_year_has_a_name_of_its_own(
    zone: str, cron: str
) -> None:
    found = await names(CronSchedule(cron=cron, timezone=zone), zone, 365)
    assert len(set(found)) == 365
    assert found == sorted(found)


@zone
@pytest.mark.parametrize("cron", ["0 0 * * *", "30 0 * * *"])
async def test_at_midnight_an_older_prefect_gives_a_night_the_name_of_the_one_before(
    zone: str, cron: str
) -> None:
    found = await names(CronSchedule(cron=cron, timezone=zone), zone, 365)
    jump = datetime(2026, MONTHS[zone], DAYS[zone], tzinfo=timezone.utc)
    before, night = f"{jump.replace(day=jump.day - 1):%Y-%m-%d}", f"{jump:%Y-%m-%d}"
    assert found.count(before) == (2 if GOES_BACK else 1)
    assert found.count(night) == (0 if GOES_BACK else 1)


@zone
async def test_at_midnight_a_recurrence_rule_does_so_with_any_prefect(zone: str) -> None:
    rule = RRuleSchedule(rrule="DTSTART:20260101T000000\nRRULE:FREQ=DAILY", timezone=zone)
    assert len(set(await names(rule, zone, 365))) == 364
    rule = RRuleSchedule(rrule="DTSTART:20260101T010000\nRRULE:FREQ=DAILY", timezone=zone)
    assert len(set(await names(rule, zone, 365))) == 365
