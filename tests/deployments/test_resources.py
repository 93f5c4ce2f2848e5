"""What is done about a piece, by what is there and what is wanted."""

import pytest
from prefect.client.orchestration import PrefectClient, get_client

from prefect_toapis.deployments.resources import Line, Outcome, Resource, decide, set_up_resource
from prefect_toapis.deployments.server_resources import Rate
from prefect_toapis.errors import StoreError


@pytest.mark.parametrize(
    ("found", "wanted", "explicit", "outcome"),
    [
        (None, "a", False, "created"),
        (None, "a", True, "created"),
        ("a", "a", False, "unchanged"),
        ("a", "a", True, "unchanged"),
        ("b", "a", False, "kept"),
        ("b", "a", True, "updated"),
        (None, None, False, "skipped"),
        ("b", None, False, "unchanged"),
        ("", "a", True, "updated"),  # empty is something
    ],
)
def test_what_exists_is_changed_only_where_it_was_asked_for(
    found: str | None, wanted: str | None, explicit: bool, outcome: Outcome
) -> None:
    assert decide(found, wanted, explicit=explicit) == outcome


class Refusing(Resource[str]):
    async def find(self, client: PrefectClient) -> str | None:
        assert client.api_url
        return None

    async def put(self, client: PrefectClient, wanted: str) -> None:
        raise StoreError(f"the bucket refuses {wanted} at {client.api_url}")


async def test_a_bucket_that_refuses_is_told_of_and_stops_nothing(prefect_server: None) -> None:
    async with get_client() as client:
        line = await set_up_resource(Refusing("rule", "it", {"created": "never said"}), client)
    assert (line.what, line.outcome) == ("rule", "skipped")
    assert "the bucket refuses it" in line.note


def test_a_line_needs_no_note() -> None:
    assert Line("work pool videos", "unchanged").note == ""


@pytest.mark.parametrize(
    ("group", "slots", "per_second"), [("default", 50, 5), ("vip", 166, 16.6), ("svip", 333, 33.3)]
)
def test_the_rate_limit_holds_ten_seconds_of_the_account_s_allowance(
    group: str, slots: int, per_second: float
) -> None:
    assert Rate.of(group) == Rate(slots, per_second)  # type: ignore[arg-type]
