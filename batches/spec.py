"""What a user asks for: scenes, variants, characters and casts, as flat models.

The Prefect UI draws its form from them, a spec file holds them, and code passes them.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from prefect_toapis.batches.prices import MAX_CREDITS
from prefect_toapis.batches.settings import RunSettings
from prefect_toapis.client.form_schema import form
from prefect_toapis.client.requests import SceneFields, VariantFields, not_boolean
from prefect_toapis.client.sendable import Name, Text, require_sendable

ROLE_OF_ONE = "character"  # the role that a character alone plays
MOST_SCENES = 100_000  # of a batch

_MOST = 10_000  # variants, characters and casts of a batch
_ROLES = 100  # of a cast


class Scene(SceneFields):
    """What the video shows: a prompt with its reference images.

    A plain string is accepted as a scene's prompt.

    Example:
        ```python
        Scene(name="chase", prompt="{hero} chases a tram through Lisbon")
        ```
    """

    name: Name = Field(default="", description="Shown in names. Empty: from the prompt's words.")
    remix_of: Text | None = Field(
        default=None,
        description="Remix this video by the prompt: its task id, or batch/shot, with the shot's "
        "label or id in the manifest of an earlier batch.",
    )

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return require_sendable(value)

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, value: Any) -> Any:
        return {"prompt": value} if isinstance(value, str) else value


class Variant(VariantFields):
    """A way of making it: model, duration, aspect ratio, style and so on.

    Example:
        ```python
        Variant(name="tall", model="sora-2-pro", duration=15, aspect_ratio="9:16", hd=True)
        ```
    """

    name: Name = Field(default="", description="Shown in names. Empty: from the settings.")
    takes: int = Field(
        default=1, ge=1, le=100, description="How many times to buy the same shot, on purpose."
    )

    _takes_number = field_validator("takes", mode="before")(not_boolean)

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return require_sendable(value)


class Character(BaseModel):
    """Somebody who appears: a character that exists, or one to be made from a clip.

    Give exactly one of `username`, `url` and `from_task`; `timestamps` with the latter two. In
    place of a URL, `url` may name a file: a local path, or an S3 object.

    Example:
        ```python
        Character(name="Turbo", username="@duksvfkf.turbo_whis")
        Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")
        Character(name="Duke", url="clips/duke.mp4", timestamps="0,2.5")
        ```
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    name: Name = Field(description="What the casts call it.")
    username: Name | None = Field(
        default=None,
        description="Of one that exists: its name at the provider, with or without @.",
    )
    url: Text | None = Field(
        default=None,
        repr=False,  # may be signed
        description="To make it from a clip: a video with sound that shows it clearly "
        "(public http(s) URL, or a file: a local path or s3://bucket/key).",
    )
    from_task: Name | None = Field(
        default=None,
        description="To make it from a generation: the task id of the finished video.",
    )
    timestamps: Name | None = Field(
        default=None,
        description='To make it: where in the clip, as "start,end" in seconds, 1 to 3 seconds '
        'apart: "1,3".',
    )
    model: Name = Field(default="sora-2", description="To make it: the model that does.")

    @field_validator("username")
    @classmethod
    def _without_at(cls, value: str | None) -> str | None:
        return value if value is None else value.strip().removeprefix("@")

    @property
    def label(self) -> str:
        """As people see it."""
        return self.name

    @property
    def exists(self) -> bool:
        """Whether it is there already, so that nothing is to be made or paid."""
        return self.username is not None


class Role(BaseModel):
    """Who plays a role."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    role: Name = Field(default=ROLE_OF_ONE, description="As prompts write it, without the braces.")
    character: Name = Field(description="The name of a character.")


class Cast(BaseModel):
    """Which characters play which roles.

    A mapping is accepted for the roles, and the name of a character for a cast of one. A role
    given twice is played by both.

    Example:
        ```python
        Cast(name="both", roles={"hero": "Turbo", "sidekick": "Baron"})
        ```
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra=form())

    name: Name = Field(default="", description="Shown in names. Empty: from its characters.")
    roles: list[Role] = Field(default=[], max_length=_ROLES, description="Who plays what.")

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


class BatchSpec(BaseModel):
    """A batch as a file holds it: the parameters of `generate_videos`, but for the blocks.

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
    budget_credits: float | None = Field(default=None, ge=0, le=MAX_CREDITS, allow_inf_nan=False)
    on_failure: Literal["fail", "tolerate"] = "fail"
    settings: RunSettings = RunSettings()

    _numbers = field_validator("max_videos", "budget_credits", mode="before")(not_boolean)


# Strings are accepted by validation; the form of the UI should show the model alone.
if TYPE_CHECKING:
    SceneLike = Scene | str
    CastLike = Cast | str
else:
    SceneLike = Scene
    CastLike = Cast
