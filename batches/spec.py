"""The models of a batch spec: scenes, variants, characters, casts and settings.

They are flat, because the Prefect UI draws its form from them; spec files and code use them, too.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from prefect_toapis.batches.prices import Price
from prefect_toapis.client.allowance import AccountGroup
from prefect_toapis.client.form_schema import form
from prefect_toapis.client.requests import SceneFields, VariantFields, not_boolean
from prefect_toapis.client.sendable import unsendable
from prefect_toapis.client.urls import base_url_fault

ROLE_OF_ONE = "character"  # the role in a cast of a single character
MOST_SCENES = 100_000  # of a batch

_NAME = 200  # characters
_MOST = 10_000  # variants, characters and casts of a batch
_ROLES = 100  # of a cast
_COUNT = 1_000_000
_SECONDS = 1e9
_CREDITS = 1e12


def _sendable(value: Any) -> Any:
    # Models inside check their own fields.
    if not isinstance(value, BaseModel) and (fault := unsendable(value)):
        raise ValueError(fault)
    return value


def _short(value: str) -> str:
    if len(value) > _NAME:
        raise ValueError(f"{len(value):,} characters exceed the limit of {_NAME} for names")
    return value


Text = Annotated[str, AfterValidator(_sendable)]
Name = Annotated[Text, AfterValidator(_short)]
Seconds = Annotated[float, Field(le=_SECONDS, allow_inf_nan=False)]


class Scene(SceneFields):
    """What the video shows: a prompt with its reference images.

    A plain string is accepted as a scene's prompt.

    Example:
        ```python
        Scene(name="chase", prompt="{hero} chases a tram through Lisbon")
        ```
    """

    name: Name = Field(
        default="", description="Used in labels. Empty: the first words of the prompt."
    )
    remix_of: Text | None = Field(
        default=None,
        description="Remix this video with the prompt: its task id, or batch/shot, with the "
        "shot's label or id from the manifest of an earlier batch.",
    )

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return _sendable(value)

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, value: Any) -> Any:
        return {"prompt": value} if isinstance(value, str) else value


class Variant(VariantFields):
    """The parameters of a video: model, duration, aspect ratio, style and so on.

    Example:
        ```python
        Variant(name="tall", model="sora-2-pro", duration=15, aspect_ratio="9:16", hd=True)
        ```
    """

    name: Name = Field(default="", description="Used in labels. Empty: from the parameters.")
    takes: int = Field(default=1, ge=1, le=100, description="How many times to buy the same shot.")

    _takes_number = field_validator("takes", mode="before")(not_boolean)

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return _sendable(value)


class Character(BaseModel):
    """A character in a video: an existing character, or a new character made from a clip.

    Give exactly one of `username`, `url` and `from_task`; `url` and `from_task` require
    `timestamps`. `url` may also name a file: a local path, or an S3 object.

    Example:
        ```python
        Character(name="Turbo", username="@duksvfkf.turbo_whis")
        Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")
        Character(name="Duke", url="clips/duke.mp4", timestamps="0,2.5")
        ```
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    name: Name = Field(description="The name that casts use.")
    username: Name | None = Field(
        default=None,
        description="Of an existing character: its name at the provider, with or without @.",
    )
    url: Text | None = Field(
        default=None,
        repr=False,  # may be signed
        description="To make it from a clip: a video with sound that clearly shows the character "
        "(public http(s) URL, or a file: a local path or s3://bucket/key).",
    )
    from_task: Name | None = Field(
        default=None,
        description="To make it from a generation: the task id of the finished video.",
    )
    timestamps: Name | None = Field(
        default=None,
        description='To make it: the part of the clip, as "start,end" in seconds, 1 to 3 seconds '
        'long: "1,3".',
    )
    model: Name = Field(default="sora-2", description="To make it: the model to use.")

    @field_validator("username")
    @classmethod
    def _without_at(cls, value: str | None) -> str | None:
        return value if value is None else value.strip().removeprefix("@")

    @property
    def label(self) -> str:
        """The display label."""
        return self.name

    @property
    def exists(self) -> bool:
        """Whether it exists at the provider, so that nothing is made or paid."""
        return self.username is not None


class Role(BaseModel):
    """The character that plays a role."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    role: Name = Field(default=ROLE_OF_ONE, description="As in prompts, without the braces.")
    character: Name = Field(description="The name of a character.")


class Cast(BaseModel):
    """Assigns characters to roles.

    `roles` also accepts a mapping. A string is accepted as a cast of that character alone. A role
    given twice is played by both characters.

    Example:
        ```python
        Cast(name="both", roles={"hero": "Turbo", "sidekick": "Baron"})
        ```
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    name: Name = Field(default="", description="Used in labels. Empty: from its characters.")
    roles: list[Role] = Field(
        default=[], max_length=_ROLES, description="The character of each role."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"roles": {ROLE_OF_ONE: value}} if isinstance(value, str) else value

    @field_validator("roles", mode="before")
    @classmethod
    def _from_mapping(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return [{"role": role, "character": character} for role, character in value.items()]


class RunSettings(BaseModel):
    """Everything rarely touched."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    time_zone: Name = Field(
        default="UTC", description="For {date} in a batch's name, as Europe/Lisbon."
    )
    account_group: AccountGroup | None = Field(
        default=None,
        description="The provider's group of the account: its rate limits. Empty: those of "
        "another run in this process, or else of default.",
    )
    account_share: float = Field(
        default=1,
        gt=0,
        le=1,
        description="The part of the account's rate limits that this run may use: less than 1 "
        "where independent runs share the account.",
    )
    max_in_flight: int = Field(
        default=500,
        ge=1,
        le=_COUNT,
        description="Shots under way at once, from submission to storage.",
    )
    downloads_at_once: int = Field(default=4, ge=1, le=32, description="Videos stored at once.")
    shard_size: int | None = Field(
        default=None,
        ge=1,
        le=_COUNT,
        description="A batch with more shots to make is split over several runs, each of so many "
        "shots at most: take hundreds, because each run needs seconds to start. Empty: never.",
    )
    shards_at_once: int = Field(
        default=4,
        ge=1,
        le=_COUNT,
        description="Runs of a split batch at once; they divide the account's rate limits.",
    )
    shard_deployment: Name = Field(
        default="run-shard/on-demand",
        pattern="^[^/]+/[^/]+$",
        description="What runs the parts of a split batch: the deployment of run_shard.",
    )
    poll_first_seconds: Seconds = Field(
        default=5, gt=0, description="Seconds before the first status query of a generation."
    )
    poll_every_seconds: Seconds = Field(
        default=10,
        gt=0,
        description="Seconds between two status queries of a generation before anything is "
        "known of how long it takes; closer together near its expected end, wider apart before.",
    )
    notify: Literal["auto", "poll", "webhook"] = Field(
        default="auto",
        description="auto: ask for the status, and at once when a webhook tells that it changed. "
        "webhook: hardly ask at all while Prefect's events can be heard. poll: only ask.",
    )
    callback_url: Text | None = Field(
        default=None,
        pattern="^https?://",
        repr=False,  # its path or query may be a secret of its own
        description="Where the provider sends a webhook when a generation ends: the URL that is "
        "set up for the key, but for path and query. Empty: none is asked for.",
    )
    patience_seconds: Seconds = Field(
        default=3600, gt=0, description="How long a run waits for one generation, in seconds."
    )
    grace_seconds: Seconds = Field(
        default=120,
        ge=0,
        description="How long a new generation may be unknown to the provider, a completed one "
        "without a URL, and the API out of order before a task is tried again, in seconds.",
    )
    settle_seconds: Seconds = Field(
        default=120,
        ge=0,
        description="How long the provider must say clearly that it knows no generation, before "
        "a submission without an answer counts as absent, in seconds. Longer than "
        "retry_seconds and one slow reply (55 s) together.",
    )
    on_absent: Literal["auto", "stop", "resend"] = Field(
        default="auto",
        description="An absent submission. auto: send it once more, if the look-up is proven to "
        "work by finding another submission of the batch; else stop. stop: stop and say so. "
        "resend: send it once more without proof.",
    )
    retry_failed: Literal["transient", "all", "none"] = Field(
        default="transient",
        description="Which failed shots of an earlier run are tried again: all but refused ones "
        "(transient), refused ones too (all), or none.",
    )
    on_expired: Literal["stop", "rebuy"] = Field(
        default="stop",
        description="A video that was paid and not fetched within 24 hours: stop and say so, or "
        "buy it anew.",
    )
    prices: list[Price] = Field(
        default=[],
        max_length=1000,
        description="What models cost, for budget_credits and to see it in a plan.",
    )
    keep_credits: float | None = Field(
        default=None,
        ge=0,
        le=_CREDITS,
        allow_inf_nan=False,
        description="Credits that must be left on the account when everything planned is paid.",
    )
    retry_seconds: Seconds = Field(
        default=60,
        ge=0,
        description="How long the client itself tries again what is safe to try again, in seconds.",
    )
    task_retry_delays_seconds: list[Annotated[Seconds, Field(ge=0)]] = Field(
        default=[30, 120, 600],
        max_length=50,  # as Prefect takes
        description="Then Prefect tries the task again, after these seconds.",
    )

    _numbers = field_validator(
        *("account_share", "max_in_flight", "downloads_at_once", "shard_size", "shards_at_once"),
        *("poll_first_seconds", "poll_every_seconds", "patience_seconds", "grace_seconds"),
        *("settle_seconds", "retry_seconds", "keep_credits"),
        mode="before",
    )(not_boolean)

    @field_validator("callback_url")
    @classmethod
    def _has_no_password(cls, value: str | None) -> str | None:
        if value and (fault := base_url_fault(value)):
            raise ValueError(fault.rstrip(","))
        return value


class BatchSpec(BaseModel):
    """The content of a spec file: the parameters of `generate_videos`, except the blocks.

    Example:
        ```yaml
        batch: lisbon
        scenes:
          - {name: chase, prompt: "{hero} chases a tram through Lisbon"}
        variants:
          - {name: wide, duration: 10, aspect_ratio: "16:9"}
        characters:
          - {name: Turbo, username: duksvfkf.turbo_whis}
        casts:
          - {roles: {hero: Turbo}}
        ```
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    scenes: list[Scene] = Field(default=[], max_length=MOST_SCENES)
    variants: list[Variant] = Field(default=[Variant()], max_length=_MOST)
    characters: list[Character] = Field(default=[], max_length=_MOST)
    casts: list[Cast] = Field(default=[], max_length=_MOST)
    batch: Text | None = None
    max_videos: int = 100
    budget_credits: float | None = Field(default=None, ge=0, le=_CREDITS, allow_inf_nan=False)
    on_failure: Literal["fail", "tolerate"] = "fail"
    settings: RunSettings = RunSettings()

    _numbers = field_validator("max_videos", "budget_credits", mode="before")(not_boolean)


# Validation accepts strings, but the form in the UI should show only the model.
if TYPE_CHECKING:
    SceneLike = Scene | str
    CastLike = Cast | str
else:
    SceneLike = Scene
    CastLike = Cast
