"""A batch's name that is dated in a time zone of its own: that of its schedule."""

from datetime import datetime, timezone

import pytest

from prefect_toapis.planning.labels import RunFacts, batch_name

# Half past midnight on 2 August in Lisbon; the run began a day late.
DUE = datetime(2026, 8, 1, 23, 30, tzinfo=timezone.utc)
LATE = datetime(2026, 8, 3, 9, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("nightly-{scheduled}", "nightly-2026-08-01"),
        ("nightly-{scheduled:Europe/Lisbon}", "nightly-2026-08-02"),
        ("{scheduled:Asia/Tokyo}_{scheduled:America/New_York}", "2026-08-02_2026-08-01"),
        ("{date:Pacific/Auckland}-of-{scheduled}", "2026-08-03-of-2026-08-01"),
    ],
)
def test_a_date_may_name_its_own_time_zone(template: str, name: str) -> None:
    assert batch_name(template, RunFacts(LATE, DUE, "8f3c"), "UTC") == name


@pytest.mark.parametrize("template", ["{scheduled:Lisbon}", "{date:../etc}", "{run:UTC}"])
def test_a_zone_that_is_none_is_a_fault(template: str) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone|batch="):
        batch_name(template, RunFacts(LATE, DUE, "8f3c"), "UTC")
