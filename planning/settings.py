"""The settings of a run: waits, retries, purchases, limits, shards and webhooks."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prefect_toapis.client.allowance import AccountGroup
from prefect_toapis.client.form_schema import form
from prefect_toapis.client.request_fields import not_boolean
from prefect_toapis.client.sendable_values import Name, Text
from prefect_toapis.client.strict_model import StrictModel
from prefect_toapis.client.urls import base_url_fault
from prefect_toapis.planning.pricing import MAX_CREDITS, Price

_MAX_COUNT = 1_000_000
_MAX_SECONDS = 1e9

Seconds = Annotated[float, Field(le=_MAX_SECONDS, allow_inf_nan=False)]

# The settings were flat before they were grouped: spec files, code and the parameters of stored
# deployments may still name them so.
FLAT_NAMES: Mapping[str, tuple[str, str]] = {
    "poll_first_seconds": ("polling", "first_seconds"),
    "poll_every_seconds": ("polling", "interval_seconds"),
    "patience_seconds": ("polling", "timeout_seconds"),
    "grace_seconds": ("polling", "grace_seconds"),
    "retry_seconds": ("retries", "client_seconds"),
    "task_retry_delays_seconds": ("retries", "task_delays_seconds"),
    "retry_failed": ("retries", "failed_shots"),
    "on_absent": ("purchases", "on_absent"),
    "settle_seconds": ("purchases", "lookup_window_seconds"),
    "on_expired": ("purchases", "on_expired"),
    "prices": ("purchases", "prices"),
    "keep_credits": ("purchases", "min_remaining_credits"),
    "account_group": ("limits", "account_group"),
    "account_share": ("limits", "rate_limit_share"),
    "max_in_flight": ("limits", "max_in_flight"),
    "downloads_at_once": ("limits", "concurrent_downloads"),
    "shard_size": ("shards", "size"),
    "shards_at_once": ("shards", "concurrency"),
    "shard_deployment": ("shards", "deployment"),
    "notify": ("webhooks", "notify"),
    "callback_url": ("webhooks", "callback_url"),
}


class PollingSettings(StrictModel):
    """When the status of a generation is queried, and for how long.

    Example:
        ```python
        PollingSettings(interval_seconds=30, timeout_seconds=7200)
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    first_seconds: Seconds = Field(
        default=5, gt=0, description="Seconds before the first status query of a generation."
    )
    interval_seconds: Seconds = Field(
        default=10,
        gt=0,
        description="Seconds between two status queries of a generation while its render time is "
        "unknown. Once it is known, queries are closer together near the expected end and further "
        "apart before it.",
    )
    timeout_seconds: Seconds = Field(
        default=3600, gt=0, description="How long a run waits for one generation, in seconds."
    )
    grace_seconds: Seconds = Field(
        default=120,
        ge=0,
        description="How long, in seconds, a new generation may be unknown to the provider, a "
        "completed one may lack its URL, and the API may be unavailable, before the task fails "
        "and is retried.",
    )

    _numbers = field_validator(
        "first_seconds", "interval_seconds", "timeout_seconds", "grace_seconds", mode="before"
    )(not_boolean)


class RetrySettings(StrictModel):
    """What is retried, how often and for how long.

    Example:
        ```python
        RetrySettings(task_delays_seconds=[60, 600], failed_shots="all")
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    client_seconds: Seconds = Field(
        default=60,
        ge=0,
        description="How long the client retries a request that is safe to repeat, in seconds.",
    )
    task_delays_seconds: list[Annotated[Seconds, Field(ge=0)]] = Field(
        default=[30, 120, 600],
        max_length=50,  # Prefect's limit
        description="After the client gave up, Prefect retries the task after these delays, in "
        "seconds: one retry for each.",
    )
    failed_shots: Literal["transient", "all", "none"] = Field(
        default="transient",
        description="Which failed shots of an earlier run are submitted again. transient: all but "
        "those refused for their content. all: those too. none: no failed shot.",
    )

    _numbers = field_validator("client_seconds", mode="before")(not_boolean)


class PurchaseSettings(StrictModel):
    """What may be paid for, and what happens to purchases whose outcome is unclear.

    Example:
        ```python
        PurchaseSettings(on_absent="stop", prices=[Price(model="sora-2*", credits=40)])
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    on_absent: Literal["auto", "stop", "resend"] = Field(
        default="auto",
        description="A submission without a reply that the provider doesn't know. auto: send it "
        "once more if the look-up is proven to work, by finding another submission of the batch; "
        "else stop. stop: stop with an error. resend: send it once more without proof.",
    )
    lookup_window_seconds: Seconds = Field(
        default=120,
        ge=0,
        description="How long, in seconds, the provider must answer that it knows no such "
        "generation, before a submission without a reply counts as absent. Longer than "
        "retries.client_seconds and one slow reply (55 s) together.",
    )
    on_expired: Literal["stop", "rebuy"] = Field(
        default="stop",
        description="A video that was paid and not downloaded within 24 hours. stop: stop with an "
        "error. rebuy: buy it again.",
    )
    prices: list[Price] = Field(
        default=[],
        max_length=1000,
        description="What models cost, for budget_credits and for the cost shown in a plan.",
    )
    min_remaining_credits: float | None = Field(
        default=None,
        ge=0,
        le=MAX_CREDITS,
        allow_inf_nan=False,
        description="Credits that must be left on the account when everything planned is paid. "
        "Empty: no limit.",
    )

    _numbers = field_validator("lookup_window_seconds", "min_remaining_credits", mode="before")(
        not_boolean
    )


class LimitSettings(StrictModel):
    """How much a run does at once, and its part of the account's rate limits.

    Example:
        ```python
        LimitSettings(account_group="vip", max_in_flight=2000)
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    account_group: AccountGroup | None = Field(
        default=None,
        description="The provider's group of the account, which decides its rate limits. Empty: "
        "not specified, which means default.",
    )
    rate_limit_share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="The fraction of the account's rate limits that this run may use: less than 1 "
        "where independent runs share the account. Empty: not specified, which means all.",
    )
    max_in_flight: int = Field(
        default=500,
        ge=1,
        le=_MAX_COUNT,
        description="Shots in progress at the same time, from submission to storage.",
    )
    concurrent_downloads: int = Field(
        default=4, ge=1, le=32, description="Videos downloaded at the same time."
    )

    _numbers = field_validator(
        "rate_limit_share", "max_in_flight", "concurrent_downloads", mode="before"
    )(not_boolean)


class ShardSettings(StrictModel):
    """How a large batch is split over several flow runs.

    Example:
        ```python
        ShardSettings(size=500, concurrency=8)
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    size: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_COUNT,
        description="A batch with more shots to make than this is split over several flow runs, "
        "each with this many at most. Use hundreds, because each run needs seconds to start. "
        "Empty: never split.",
    )
    concurrency: int = Field(
        default=4,
        ge=1,
        le=_MAX_COUNT,
        description="Flow runs of a split batch at the same time; they divide the rate limits.",
    )
    deployment: Name = Field(
        default="run-shard/internal",
        pattern="^[^/]+/[^/]+$",
        description="The deployment of run_shard that makes the parts of a split batch.",
    )

    _numbers = field_validator("size", "concurrency", mode="before")(not_boolean)


class WebhookSettings(StrictModel):
    """Whether runs rely on webhooks, and where the provider sends them.

    Example:
        ```python
        WebhookSettings(notify="webhook", callback_url="https://team.example/toapis?job=7")
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

    notify: Literal["auto", "poll", "webhook"] = Field(
        default="auto",
        description="auto: query the status at intervals, and at once when a webhook reports a "
        "change. webhook: hardly query at all while Prefect's events are received. poll: only "
        "query at intervals.",
    )
    callback_url: Text | None = Field(
        default=None,
        pattern="^https?://",
        repr=False,  # its path or query may be a secret of its own
        description="Where the provider sends a webhook when a generation ends: the URL that is "
        "set up for the key, except for path and query. Empty: no webhook is requested.",
    )

    @field_validator("callback_url")
    @classmethod
    def _has_no_password(cls, value: str | None) -> str | None:
        if value and (fault := base_url_fault(value)):
            raise ValueError(fault.rstrip(","))
        return value


def _draw_with_flat_names(schema: dict[str, Any]) -> None:
    """The form shows the groups; Prefect's server also accepts parameters with flat names."""
    form()(schema)
    del schema["additionalProperties"]
    schema["propertyNames"] = {"enum": [*schema["properties"], *FLAT_NAMES]}


class RunSettings(StrictModel):
    """The settings of a run, most of them in groups. All have defaults; most runs need none.

    The flat names of earlier versions, such as `settle_seconds`, are still read.

    Example:
        ```python
        RunSettings(
            polling=PollingSettings(timeout_seconds=7200),
            purchases=PurchaseSettings(on_expired="rebuy"),
        )
        ```
    """

    model_config = ConfigDict(json_schema_extra=_draw_with_flat_names)

    time_zone: Name = Field(
        default="UTC",
        description="The time zone of {date} in a batch's name, such as Europe/Lisbon.",
    )
    on_remark: Literal["record", "fail", "retake"] = Field(
        default="record",
        description="What happens if a stored video isn't as ordered, or looks defective. record: "
        "nothing more than a remark. fail: the run fails at its end. retake: one more take of the "
        "shot is bought, within max_videos and budget_credits.",
    )
    check_content: bool = Field(
        default=True,
        description="Whether stored videos are decoded, to find black, frozen and silent ones, on "
        "workers that have PyAV (the extra checks).",
    )
    polling: PollingSettings = Field(
        default=PollingSettings(),
        title="Polling",
        description="When the status of a generation is queried.",
    )
    retries: RetrySettings = Field(
        default=RetrySettings(),
        title="Retries",
        description="What is retried, how often and for how long.",
    )
    purchases: PurchaseSettings = Field(
        default=PurchaseSettings(),
        title="Purchases",
        description="Prices, the credits to keep, and purchases whose outcome is unclear.",
    )
    limits: LimitSettings = Field(
        default=LimitSettings(),
        title="Limits",
        description="Rate limits, and how much is done at once.",
    )
    shards: ShardSettings = Field(
        default=ShardSettings(),
        title="Shards",
        description="How a large batch is split over several flow runs.",
    )
    webhooks: WebhookSettings = Field(
        default=WebhookSettings(), title="Webhooks", description="Whether runs rely on webhooks."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_flat_names(cls, value: Any) -> Any:
        return _grouped(value) if isinstance(value, dict) else value

    def with_overrides(self, other: "RunSettings") -> "RunSettings":
        """These settings, with the fields that were set explicitly in others.

        Args:
            other: Its defaults change nothing.

        Example:
            >>> usual = RunSettings(shards=ShardSettings(size=500, concurrency=8))
            >>> usual.with_overrides(RunSettings(shards=ShardSettings(size=None))).shards
            ShardSettings(size=None, concurrency=8, deployment='run-shard/internal')
        """
        changes: dict[str, Any] = {}
        for name, value in _set_fields(other).items():
            if isinstance(value, BaseModel):
                group: BaseModel = getattr(self, name)
                changes[name] = group.model_copy(update=_set_fields(value))
            else:
                changes[name] = value
        return self.model_copy(update=changes)


def _grouped(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the values of flat names moved into their groups.

    A default in a group counts as not given: the form of the UI sends all of them, beside the flat
    names that a deployment has stored.

    Raises:
        ValueError: A setting is given by both of its names, with different values.
    """
    settings = {name: value for name, value in given.items() if name not in FLAT_NAMES}
    for flat, (group, field) in FLAT_NAMES.items():
        if flat not in given:
            continue
        present = settings.get(group, {})
        fields = _set_fields(present) if isinstance(present, BaseModel) else present
        if not isinstance(fields, dict):
            continue  # the group itself is refused
        default = getattr(RunSettings.model_fields[group].default, field)
        if field in fields and fields[field] not in (given[flat], default):
            raise ValueError(
                f"{flat} and {group}.{field} are the same setting, with different values here; "
                f"keep {group}.{field} only"
            )
        settings[group] = {**fields, field: given[flat]}
    return settings


def _set_fields(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.model_fields_set}
