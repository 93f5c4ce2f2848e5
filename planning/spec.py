"""The models of a batch spec: scenes, variants, characters and casts.

They are flat, because the Prefect UI draws its form from them; spec files and code use them, too.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from prefect_toapis.client.form_schema import form
from prefect_toapis.client.request_fields import (
    Model,
    SceneFields,
    VariantFields,
    is_model_field,
    not_boolean,
)
from prefect_toapis.client.sendable_values import Name, OwnValue, Text, require_sendable
from prefect_toapis.client.strict_model import StrictModel
from prefect_toapis.planning.pricing import MAX_CREDITS
from prefect_toapis.planning.settings import RunSettings

ROLE_OF_ONE = "character"  # the role in a cast of a single character
MOST_SCENES = 100_000  # of a batch

SHOWS = {"prompt", "image_urls", "extra"}  # some models need no prompt beside these
_MISSING = object()
_MOST = 10_000  # variants, characters and casts of a batch
_ROLES = 100  # of a cast
_FALLBACKS = 5  # of a variant


def _with_prompt(schema: dict[str, Any]) -> None:
    """Draw the form of a scene, which asks for a prompt: few models go without one."""
    form("prompt", "name")(schema)
    schema["properties"]["prompt"].pop("default", None)
    schema["required"] = ["prompt"]


def _has_own_field(fields: dict[Any, Any]) -> bool:
    return any(map(is_model_field, fields))


class Scene(SceneFields):
    """What the video shows: a prompt with its reference images.

    A plain string is accepted as a scene's prompt.

    Example:
        ```python
        Scene(name="chase", prompt="{hero} chases a tram through Lisbon")
        ```
    """

    model_config = ConfigDict(json_schema_extra=_with_prompt)

    name: Name = Field(
        default="", description="Used in labels. Empty: the first words of the prompt."
    )
    remix_of: Text | None = Field(
        default=None,
        description="Remix this video with the prompt: its task id, or batch/shot, with the "
        "shot's label or id from the manifest of an earlier batch.",
    )
    extends: Text | None = Field(
        default=None,
        description="Extend this video by the prompt, as for remix_of; for models of Grok.",
    )

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return require_sendable(value)

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"prompt": value}
        if isinstance(value, dict) and not value.keys() & SHOWS and not _has_own_field(value):
            return {**value, "prompt": _MISSING}
        return value

    @property
    def source(self) -> str | None:
        """The earlier video that it is made from; None: it is a new video."""
        return self.extends if self.remix_of is None else self.remix_of

    @field_validator("prompt", mode="before")
    @classmethod
    def _prompt_or_images(cls, value: Any) -> Any:
        if value is _MISSING:
            raise PydanticCustomError("missing", "Field required")
        return value

    if TYPE_CHECKING:  # a model's own fields are given by name, too

        def __init__(  # noqa: PLR0913 - each is a field
            self,
            *,
            prompt: str = "",
            name: str = "",
            image_urls: list[str] = ...,
            character_url: str | None = None,
            character_timestamps: str | None = None,
            character_from_task: str | None = None,
            remix_of: str | None = None,
            extends: str | None = None,
            extra: dict[str, JsonValue] = ...,
            **own: OwnValue,
        ) -> None: ...


class Fallback(VariantFields):
    """Another model for a variant's shots, if the variant's own certainly bought nothing.

    Fields that aren't given are those of the variant, except for fields of its model.
    """

    model: Model = Field(description="The model that is used instead.")

    if TYPE_CHECKING:  # a model's own fields are given by name, too

        def __init__(  # noqa: PLR0913 - each is a field
            self,
            *,
            model: str,
            duration: int | None = None,
            aspect_ratio: str | None = None,
            style: str | None = None,
            n: int | None = None,
            hd: bool | None = None,
            thumbnail: bool | None = None,
            watermark: bool | None = None,
            private: bool | None = None,
            storyboard: bool | None = None,
            character_create: bool | None = None,
            extra: dict[str, JsonValue] = ...,
            **own: OwnValue,
        ) -> None: ...


class Variant(VariantFields):
    """The parameters of a video: model, duration, aspect ratio, style and so on.

    Example:
        ```python
        Variant(name="tall", model="sora-2-pro", duration=15, aspect_ratio="9:16", hd=True)
        ```
    """

    name: Name = Field(default="", description="Used in labels. Empty: from the parameters.")
    takes: int = Field(default=1, ge=1, le=100, description="How many times to buy the same shot.")
    fallbacks: list[Fallback] = Field(
        default=[],
        max_length=_FALLBACKS,
        description="Other models, used in this order for a shot that the model before refused or "
        "failed to make. Never after a submission whose outcome is unknown.",
    )

    _takes_number = field_validator("takes", mode="before")(not_boolean)

    @property
    def most_outputs(self) -> int:
        """The number of videos of a generation, the highest of the variant and its fallbacks."""
        own = [fallback.outputs for fallback in self.fallbacks if fallback.n is not None]
        return max(self.outputs, *own) if own else self.outputs

    @field_validator("*")
    @classmethod
    def _can_be_sent(cls, value: Any) -> Any:
        return require_sendable(value)

    if TYPE_CHECKING:  # a model's own fields are given by name, too

        def __init__(  # noqa: PLR0913 - each is a field
            self,
            *,
            name: str = "",
            takes: int = 1,
            fallbacks: list[Fallback] = ...,
            model: str = "sora-2",
            duration: int | None = None,
            aspect_ratio: str | None = None,
            style: str | None = None,
            n: int | None = None,
            hd: bool | None = None,
            thumbnail: bool | None = None,
            watermark: bool | None = None,
            private: bool | None = None,
            storyboard: bool | None = None,
            character_create: bool | None = None,
            extra: dict[str, JsonValue] = ...,
            **own: OwnValue,
        ) -> None: ...


class Character(StrictModel):
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

    model_config = ConfigDict(json_schema_extra=form())

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


class Role(StrictModel):
    """The character that plays a role."""

    model_config = ConfigDict(json_schema_extra=form())

    role: Name = Field(default=ROLE_OF_ONE, description="As in prompts, without the braces.")
    character: Name = Field(description="The name of a character.")


class Cast(StrictModel):
    """Assigns characters to roles.

    `roles` also accepts a mapping. A string is accepted as a cast of that character alone. A role
    given twice is played by both characters.

    Example:
        ```python
        Cast(name="both", roles={"hero": "Turbo", "sidekick": "Baron"})
        ```
    """

    model_config = ConfigDict(json_schema_extra=form())

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


class TableRows(NamedTuple):
    """Where the scenes of a batch are in a table.

    Args:
        table: The name of its file.
        numbers: The row of each scene, as a spreadsheet shows it.
    """

    table: str = ""
    numbers: tuple[int, ...] = ()

    def only(self, kept: Iterable[int]) -> "TableRows":
        """Return the rows of some scenes, by their index."""
        return TableRows(self.table, tuple(self.numbers[index] for index in kept if self.numbers))


class BatchSpec(StrictModel):
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

    scenes: list[Scene] = Field(default=[], max_length=MOST_SCENES)
    variants: list[Variant] = Field(default=[Variant()], max_length=_MOST)
    characters: list[Character] = Field(default=[], max_length=_MOST)
    casts: list[Cast] = Field(default=[], max_length=_MOST)
    batch: Text | None = None
    max_videos: int = 100
    budget_credits: float | None = Field(default=None, ge=0, le=MAX_CREDITS, allow_inf_nan=False)
    on_failure: Literal["fail", "tolerate"] = "fail"
    settings: RunSettings = RunSettings()

    _table_rows: TableRows = PrivateAttr(default=TableRows())

    _numbers = field_validator("max_videos", "budget_credits", mode="before")(not_boolean)

    @property
    def table_rows(self) -> TableRows:
        """The rows of the scenes, if they are from a table."""
        return self._table_rows

    def with_rows(self, rows: TableRows) -> Self:
        """Return a copy whose scenes are from these rows of a table."""
        copied = self.model_copy()
        copied._table_rows = rows  # noqa: SLF001 - its own
        return copied


# Validation accepts strings, but the form in the UI should show only the model.
if TYPE_CHECKING:
    SceneLike = Scene | str
    CastLike = Cast | str
else:
    SceneLike = Scene
    CastLike = Cast
