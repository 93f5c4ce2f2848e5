"""What was spent, added up by day, model and batch."""

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis import Price
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.records.attempts import Attempt
from prefect_toapis.reports.spend import Of, SpendReport, Sum

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PRICES = [
    Price(model="sora-2", credits=40, character_credits=5),
    Price(model="sora-2", credits=70, when={"input": "video"}),
    Price(model="sora-2-pro", credits=10, per="second"),
]


def attempt(model: str | None = "sora-2", **known: Any) -> Attempt:
    request = known.pop("request", {})
    usual: dict[str, Any] = {"state": "accepted", "task_id": "video_1", "sent_at": NOON}
    return Attempt(
        shot_id="s",
        attempt=1,
        business_id="pts-1",
        request={**({"model": model} if model else {}), **request},
        **usual | known,
    )


def report(*added: tuple[str, Attempt]) -> SpendReport:
    made = SpendReport(PRICES, Catalogue.shipped())
    for batch, each in added:
        made.add(batch, each)
    return made


def test_purchases_are_added_up_by_day_model_and_batch() -> None:
    made = report(
        ("lisbon", attempt()),
        ("lisbon", attempt(request={"n": 2})),
        ("lisbon", attempt("sora-2-pro", request={"duration": 15})),
        ("porto", attempt(sent_at=NOON + timedelta(days=1))),
        ("porto", attempt(remix_of="video_9")),
        ("characters", attempt()),
        ("porto", attempt(state="sending", task_id=None)),
        ("porto", attempt("kling-v3")),
        ("porto", attempt(None)),
    )
    assert made.total == Sum(bought=8, credits=385, unpriced=2, unconfirmed=1)
    assert made.by(lambda of: of.day) == {
        "2026-11-22": Sum(7, 345, 2, 1),
        "2026-11-23": Sum(1, 40),
    }
    assert made.by(lambda of: of.model) == {
        "kling-v3": Sum(1, 0, 1),
        "sora-2": Sum(5, 235, 0, 1),
        "sora-2-pro": Sum(1, 150),
        "unknown": Sum(1, 0, 1),
    }
    assert made.by(lambda of: of.batch) == {
        "characters": Sum(1, 5),
        "lisbon": Sum(3, 270),
        "porto": Sum(4, 110, 2, 1),
    }
    assert made.sums[Of("2026-11-22", "sora-2", "porto")] == Sum(1, 70, 0, 1)


def test_the_day_is_that_in_utc() -> None:
    late = NOON.replace(hour=23, tzinfo=timezone(timedelta(hours=-5)))
    assert [of.day for of in report(("b", attempt(sent_at=late))).sums] == ["2026-11-23"]


def test_what_can_not_be_read_is_counted_apart_with_the_first_reasons() -> None:
    unreadable = [
        ("b", attempt(state="sending", task_id=None, failure=f"s3://b/{number} is damaged"))
        for number in range(20)
    ]
    made = report(*unreadable)
    assert (made.unreadable, made.sums, len(made.reasons)) == (20, {}, 10)
    assert made.as_json()["total"]["unreadable"] == 20


def test_the_json_has_a_row_for_each_day_model_and_batch_and_null_for_the_unknown() -> None:
    made = report(("b", attempt()), ("b", attempt("kling-v3")), ("a", attempt()))
    assert made.as_json() == {
        "total": {"bought": 3, "credits": 80, "unpriced": 1, "unconfirmed": 0, "unreadable": 0},
        "rows": [
            {**of, "bought": 1, "credits": price, "unpriced": unpriced, "unconfirmed": 0}
            for of, price, unpriced in (
                ({"day": "2026-11-22", "model": "kling-v3", "batch": "b"}, None, 1),
                ({"day": "2026-11-22", "model": "sora-2", "batch": "a"}, 40, 0),
                ({"day": "2026-11-22", "model": "sora-2", "batch": "b"}, 40, 0),
            )
        ],
        "notes": ["kling-v3: settings.purchases.prices has no price for it, nor has TOAPIS_PRICES"],
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "characters"]),
            st.sampled_from(["sora-2", "sora-2-pro", "new"]),
            st.integers(0, 3),
            st.sampled_from(["accepted", "sending", "expired"]),
        ),
        max_size=30,
    )
)
def test_every_breakdown_has_the_same_total(bought: list[tuple[str, str, int, Any]]) -> None:
    made = report(
        *[
            (
                batch,
                attempt(
                    model,
                    state=state,
                    sent_at=NOON + timedelta(days=day),
                    task_id=None if state == "sending" else "video_1",
                    request={"duration": 10},
                ),
            )
            for batch, model, day, state in bought
        ]
    )
    for key in (lambda of: of.day, lambda of: of.model, lambda of: of.batch):
        total = Sum()
        for each in made.by(key).values():
            total.add(each)
        assert total == made.total
    assert made.total.bought + made.total.unconfirmed == len(bought)
