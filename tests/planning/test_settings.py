"""The settings of a run, in groups, and by the flat names of earlier versions."""

import inspect
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from pydantic import BaseModel, ValidationError

from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.pricing import Price
from prefect_toapis.planning.settings import (
    FLAT_NAMES,
    LimitSettings,
    PollingSettings,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
    ShardSettings,
    WebhookSettings,
)
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec

GROUPS: list[type[BaseModel]] = [
    PollingSettings,
    RetrySettings,
    PurchaseSettings,
    LimitSettings,
    ShardSettings,
    WebhookSettings,
]
PRICES = [{"model": "sora-2*", "credits": 40}]
# Each flat name, its setting, and a value that is not the default.
FLAT = [
    ("poll_first_seconds", "polling", "first_seconds", 1.5),
    ("poll_every_seconds", "polling", "interval_seconds", 2.5),
    ("patience_seconds", "polling", "timeout_seconds", 60),
    ("grace_seconds", "polling", "grace_seconds", 0),
    ("retry_seconds", "retries", "client_seconds", 5),
    ("task_retry_delays_seconds", "retries", "task_delays_seconds", [1, 2]),
    ("retry_failed", "retries", "failed_shots", "all"),
    ("on_absent", "purchases", "on_absent", "resend"),
    ("settle_seconds", "purchases", "lookup_window_seconds", 30),
    ("on_expired", "purchases", "on_expired", "rebuy"),
    ("prices", "purchases", "prices", PRICES),
    ("keep_credits", "purchases", "min_remaining_credits", 100),
    ("account_group", "limits", "account_group", "svip"),
    ("account_share", "limits", "rate_limit_share", 0.5),
    ("max_in_flight", "limits", "max_in_flight", 7),
    ("downloads_at_once", "limits", "concurrent_downloads", 8),
    ("shard_size", "shards", "size", 200),
    ("shards_at_once", "shards", "concurrency", 3),
    ("shard_deployment", "shards", "deployment", "run-shard/big"),
    ("notify", "webhooks", "notify", "poll"),
    ("callback_url", "webhooks", "callback_url", "https://team.example/hook"),
]
# The defaults in force, which nothing but a decision changes.
DEFAULTS = {
    "time_zone": "UTC",
    "on_remark": "record",
    "check_content": True,
    "polling": {
        "first_seconds": 5,
        "interval_seconds": 10,
        "timeout_seconds": 3600,
        "grace_seconds": 120,
    },
    "retries": {
        "client_seconds": 60,
        "task_delays_seconds": [30, 120, 600],
        "failed_shots": "transient",
    },
    "purchases": {
        "on_absent": "auto",
        "lookup_window_seconds": 120,
        "on_expired": "stop",
        "prices": [],
        "min_remaining_credits": None,
    },
    "limits": {
        "account_group": None,
        "rate_limit_share": None,
        "max_in_flight": 500,
        "concurrent_downloads": 4,
    },
    "shards": {"size": None, "concurrency": 4, "deployment": "run-shard/internal"},
    "webhooks": {"notify": "auto", "callback_url": None},
}
GROUPED: dict[str, Any] = {g: f for g, f in DEFAULTS.items() if isinstance(f, dict)}


def run(settings: RunSettings = RunSettings()) -> None:  # noqa: B008 - Prefect draws it
    del settings


def drawn() -> dict[str, Any]:
    definitions = parameter_schema(run).definitions
    assert definitions
    return definitions


def server_faults(settings: dict[str, Any]) -> list[str]:
    """What Prefect's server says against such parameters of a deployment."""
    schema = parameter_schema(run).model_dump_for_openapi()
    return [error.message for error in validate({"settings": settings}, schema)]


def test_defaults() -> None:
    settings = RunSettings()
    assert settings.model_dump() == DEFAULTS
    slow_reply = 55  # seconds
    window = settings.purchases.lookup_window_seconds
    assert window > settings.retries.client_seconds + slow_reply


def test_every_flat_name_is_in_the_table() -> None:
    assert {flat: (group, field) for flat, group, field, _ in FLAT} == FLAT_NAMES
    named = {(group, field) for group, field in FLAT_NAMES.values()}
    assert named == {(g, f) for g, fields in GROUPED.items() for f in fields}


@pytest.mark.parametrize(("flat", "group", "field", "value"), FLAT)
def test_a_flat_name_is_read_into_its_group(flat: str, group: str, field: str, value: Any) -> None:
    grouped = RunSettings.model_validate({group: {field: value}})
    assert RunSettings.model_validate({flat: value}) == grouped != RunSettings()
    assert grouped.model_dump(mode="json", exclude_unset=True) == {group: {field: value}}
    assert server_faults({flat: value}) == server_faults({group: {field: value}}) == []


@pytest.mark.parametrize(("flat", "group", "field", "value"), FLAT)
def test_a_flat_name_keeps_its_bounds(flat: str, group: str, field: str, value: Any) -> None:
    del value
    with pytest.raises(ValidationError) as refused:
        RunSettings.model_validate({flat: {"no": "such value"}})
    assert refused.value.errors()[0]["loc"][:2] == (group, field)


@pytest.mark.parametrize(("flat", "group", "field", "value"), FLAT)
def test_both_names_may_be_given_if_they_agree(
    flat: str, group: str, field: str, value: Any
) -> None:
    both = {flat: value, group: {field: value}}
    assert RunSettings.model_validate(both) == RunSettings.model_validate({flat: value})
    differ = {flat: value, group: {field: {"no": "such value"}}}
    with pytest.raises(ValidationError, match=rf"{flat} and {group}\.{field} are the same setting"):
        RunSettings.model_validate(differ)


@pytest.mark.parametrize(("flat", "group", "field", "value"), FLAT)
def test_the_defaults_of_a_form_leave_a_stored_flat_name_as_it_is(
    flat: str, group: str, field: str, value: Any
) -> None:
    defaults = RunSettings.model_fields[group].default.model_dump(mode="json")
    filled_in = {flat: value, group: defaults}
    assert RunSettings.model_validate(filled_in) == RunSettings.model_validate({flat: value})


def test_flat_names_join_the_groups_that_are_given() -> None:
    given = {"on_absent": "stop", "purchases": {"on_expired": "rebuy"}, "notify": "poll"}
    expected = RunSettings(
        purchases=PurchaseSettings(on_absent="stop", on_expired="rebuy"),
        webhooks=WebhookSettings(notify="poll"),
    )
    assert RunSettings.model_validate(given) == expected
    assert given["purchases"] == {"on_expired": "rebuy"}  # it is the caller's
    as_model = given | {"purchases": PurchaseSettings(on_expired="rebuy")}
    assert RunSettings.model_validate(as_model) == expected


def test_what_is_dumped_is_read() -> None:
    for settings in (RunSettings(), RunSettings.model_validate({f: v for f, _, _, v in FLAT})):
        assert RunSettings.model_validate(settings.model_dump()) == settings
        assert RunSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_absnt": "stop"},
        {"lookup_window_seconds": 5},  # belongs in its group
        {"purchases": {"settle_seconds": 5}},
        {"purchases": {"on_absent": "maybe"}},
        {"purchases": {"lookup_window_seconds": -1}},
        {"purchases": "stop", "on_absent": "stop"},
        {"limits": {"max_in_flight": 0}},
        {"polling": {"interval_seconds": 0}},
        {"polling": None},
    ],
)
def test_what_is_misspelt_or_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunSettings.model_validate(wrong)
    assert server_faults(wrong)


def test_no_value_is_shown_where_two_differ() -> None:
    differ = {"callback_url": "https://a.example/5ec2e7", "webhooks": {"callback_url": "5ec2e7"}}
    with pytest.raises(ValidationError) as refused:
        RunSettings.model_validate(differ)
    assert "5ec2e7" not in str(refused.value)


def read_settings(settings: str) -> tuple[BatchSpec, list[str]]:
    """A spec file with them, whose plan has a fault too."""
    text = f"scenes: [A dog]\nvariants: [{{duration: 12}}]\nsettings: {settings}"
    return open_spec(text.encode(), "b.yaml").batch()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ("{settle_seconds: -1}", "settings.settle_seconds: Input should be greater than or equal"),
        (
            "{prices: [{model: m, credit: 5}]}",
            "settings.prices[0].credit: there is no such field; did you mean 'credits'?",
        ),
        (
            "{shard_deployment: no}",
            "settings.shard_deployment: Input should be a valid string (line 3: YAML reads no as",
        ),
        (
            "{settle_seconds: 5, purchases: {lookup_window_seconds: 6}}",
            "settings: Value error, settle_seconds and purchases.lookup_window_seconds are the",
        ),
        ("{polling: [5], patience_seconds: 7}", "settings.polling: Input should be a valid dict"),
    ],
)
def test_a_fault_names_a_setting_as_the_file_does(settings: str, fault: str) -> None:
    assert any(found.startswith(f"b.yaml: {fault}") for found in read_settings(settings)[1])


@pytest.mark.parametrize(
    ("settings", "in_flight"),
    [
        ("{settle_seconds: -1, max_in_flight: 7}", 7),
        ("{purchases: {lookup_window_seconds: -1}, max_in_flight: 7}", 7),
        ("{max_in_flight: 7, limits: {max_in_flight: 8}}", 500),
    ],
)
def test_a_wrong_setting_hides_no_fault_of_the_plan(settings: str, in_flight: int) -> None:
    spec, faults = read_settings(settings)
    assert len(faults) == 1
    assert spec.settings.limits.max_in_flight == in_flight
    [fault] = plan_batch(spec, "b", "s3://videos").faults
    assert fault.startswith("a-dog / sora-2-12s: duration")


def test_overrides_change_what_they_set_and_nothing_else() -> None:
    usual = RunSettings(
        time_zone="Europe/Lisbon",
        shards=ShardSettings(size=500, concurrency=8),
        purchases=PurchaseSettings(prices=[Price(model="*", credits=1)]),
    )
    changed = usual.with_overrides(
        RunSettings(shards=ShardSettings(size=None), limits=LimitSettings(rate_limit_share=0.5))
    )
    assert changed == RunSettings(
        time_zone="Europe/Lisbon",
        shards=ShardSettings(concurrency=8),
        purchases=usual.purchases,
        limits=LimitSettings(rate_limit_share=0.5),
    )
    assert usual.shards.size == 500
    assert changed.with_overrides(RunSettings(time_zone="UTC")).time_zone == "UTC"
    assert usual.with_overrides(RunSettings()) == usual


def test_no_default_is_shared_between_runs() -> None:
    RunSettings().purchases.prices.append(Price(model="*", credits=1))
    RunSettings().polling.first_seconds = 1
    assert RunSettings().model_dump() == DEFAULTS


@pytest.mark.parametrize("model", [RunSettings, *GROUPS])
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    assert inspect.getdoc(model)
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", ")."))


def test_the_form_draws_a_card_for_each_group_and_no_flat_name() -> None:
    definitions = drawn()
    card = definitions["RunSettings"]
    assert list(card["properties"]) == list(DEFAULTS)
    groups = [(name, card["properties"][name]) for name in GROUPED]
    for model, (group, shown) in zip(GROUPS, groups, strict=True):
        assert shown["$ref"] == f"#/definitions/{model.__name__}"
        assert shown["default"] == DEFAULTS[group]
        assert shown["title"] == group.title()
        assert list(definitions[model.__name__]["properties"]) == list(shown["default"])


def test_an_optional_setting_is_an_input_that_may_stay_empty() -> None:
    share = drawn()["LimitSettings"]["properties"]["rate_limit_share"]
    assert (share["type"], share["maximum"]) == ("number", 1)
    assert not {"anyOf", "default"} & share.keys()
    group = drawn()["LimitSettings"]["properties"]["account_group"]
    assert [one["title"] for one in group["anyOf"]] == ["Choose", "Empty"]
