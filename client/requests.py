"""Requests for a video, a character or a remix: their fields and their JSON.

A scene has the fields of what is shown, a variant those of how it is made; together they are a
request. Each field is declared once, with the provider's rule in words; `rules.check` validates by
the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import Self

from prefect_toapis.client.catalogue import Catalogue, Section
from prefect_toapis.client.form_schema import form
from prefect_toapis.client.urls import path_segment, without_query, without_signature

GENERATIONS = "/v1/videos/generations"


@dataclass(frozen=True)
class _Choices:
    """Makes a form show the catalogue's choices of a field as a drop-down.

    The field isn't a Literal: models outside of the catalogue may accept other values.
    """

    field: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"enum": Catalogue.current().choices(self.field)}


AspectRatio = Annotated[str, _Choices("aspect_ratio")]
Style = Annotated[str, _Choices("style")]

IN_METADATA = frozenset(  # [P]: fields that are sent inside `metadata`
    {
        "n",
        "watermark",
        "hd",
        "private",
        "style",
        "storyboard",
        "character_url",
        "character_timestamps",
        "character_create",
        "character_from_task",
    }
)


def _sendable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("it contains half a surrogate pair, which can't be sent") from None
    return value


Prompt = Annotated[str, AfterValidator(_sendable)]


def not_boolean(value: Any) -> Any:
    """A field validator for numbers: to Python true, `yes` in YAML, equals 1."""
    if isinstance(value, bool):
        raise ValueError("give a number, not true or false")  # noqa: TRY004 - for pydantic
    return value


class SceneFields(BaseModel):
    """What the video shows."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra=form("prompt", "name")
    )

    prompt: Prompt = Field(
        description="What the video shows. May name characters as @username, or roles as {hero}."
    )
    image_urls: list[str] = Field(
        default=[],
        repr=False,  # may be signed
        description="Reference images: public http(s) URLs, or files, which are uploaded: "
        "local paths or s3://bucket/key.",
    )
    character_url: str | None = Field(
        default=None,
        repr=False,  # may be signed
        description="A reference video to take characters from (public http(s) URL, or a file: "
        "a local path or s3://bucket/key), or the id of a finished character task. "
        "The video comes out 1 s shorter.",
    )
    character_timestamps: str | None = Field(
        default=None,
        description='Where in the reference video, as "start,end" in seconds, 2 seconds apart: '
        '"1,3". The video comes out 1 s shorter.',
    )
    character_from_task: str | None = Field(
        default=None, description="Make a character from the video of this earlier task."
    )


class VariantFields(BaseModel):
    """How the video is made."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,  # may hold signed URLs
        protected_namespaces=(),
        json_schema_extra=form("name"),
    )

    model: str = Field(
        default="sora-2",
        description="sora-2 (standard), sora-2-pro (professional, longer), "
        "sora-2-vip (higher priority), or any other model of the provider.",
    )
    duration: int | None = Field(
        default=None,
        description="Length in seconds. sora-2: 10 or 15; sora-2-pro: 15 or 25. "
        "Empty: the model's default.",
    )
    aspect_ratio: AspectRatio | None = Field(
        default=None, description="16:9 is landscape, 9:16 portrait. Empty: the model's default."
    )
    style: Style | None = Field(default=None, description="A ready-made style.")
    n: int = Field(default=1, description="Videos per generation, 1 to 4.")
    hd: bool = Field(default=False, description="High definition: sora-2-pro at 15 seconds.")
    thumbnail: bool = Field(default=False, description="Also make a thumbnail.")
    watermark: bool = Field(default=False, description="Put the official watermark on the video.")
    private: bool = Field(
        default=False, description="Don't publish the video; it can't be remixed then."
    )
    storyboard: bool = Field(default=False, description="Finer control over the details.")
    character_create: bool = Field(
        default=False, description="Make a character from the finished video."
    )
    extra: dict[str, JsonValue] = Field(
        default={},
        repr=False,  # may hold signed URLs
        description="Fields of other models, sent as they are (JSON).",
    )

    _numbers = field_validator("duration", "n", mode="before")(not_boolean)


class VideoRequest(SceneFields, VariantFields):
    """A request to `POST /v1/videos/generations` ([P]), as flat fields.

    The constructor validates the types only; `check` validates the rules of the model, which the
    client enforces. A file is represented by a reference to its content (see `references`).

    Example:
        ```python
        VideoRequest(prompt="A golden retriever running on grass, sunny day",
                     duration=10, aspect_ratio="16:9")
        ```
    """

    section: ClassVar[Section] = "fields"

    @property
    def path(self) -> str:
        """Where it is posted."""
        return GENERATIONS

    def given(self) -> dict[str, Any]:
        """The fields that differ from their default, by name."""
        fields = self.model_dump(exclude_defaults=True, exclude={"extra"})
        return {"model": self.model, "prompt": self.prompt, **fields, **self.extra}

    def unsigned(self) -> Self:
        """A copy for comparisons: URLs without known signature parameters."""
        return self._with_urls(without_signature)

    def shown(self) -> Self:
        """A copy that is safe to show and to store: URLs without queries and user info."""
        return self._with_urls(without_query)

    def _with_urls(self, change: Callable[[str], str]) -> Self:
        fields = self.model_dump(exclude_unset=True, exclude={"prompt"})
        return type(self).model_validate({**_changed(fields, change), "prompt": self.prompt})

    def body(self, business_id: str | None = None) -> dict[str, Any]:
        """The JSON body; what wasn't given is left out.

        Args:
            business_id: The caller's own id, by which the task can be looked up ([D]).

        Example:
            >>> VideoRequest(prompt="A dog", n=2).body()
            {'model': 'sora-2', 'prompt': 'A dog', 'metadata': {'n': 2}}
        """
        given = self.given()
        metadata = {name: given.pop(name) for name in list(given) if name in IN_METADATA}
        metadata |= given.pop("metadata", {})
        if metadata:
            given["metadata"] = metadata
        return _with_business_id(given, business_id)


class CharacterRequest(BaseModel):
    """A request to create a character ([D]), from exactly one of `url` and `from_task`.

    The constructor validates the types only, as for `VideoRequest`.

    Args:
        model: Any model that supports characters.
        timestamps: Where in the clip, as `"start,end"` in seconds, 1 to 3 seconds apart.
        url: A video with sound and a clear character (public http(s) URL).
        from_task: The id of a finished generation.

    Example:
        >>> CharacterRequest(timestamps="1,3", from_task="video_7497").body("mine-1")["from_task"]
        'video_7497'
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, protected_namespaces=())
    section: ClassVar[Section] = "character"

    model: str = "sora-2"
    timestamps: str
    url: str | None = Field(default=None, repr=False)  # may be signed
    from_task: str | None = None

    @property
    def path(self) -> str:
        """Where it is posted."""
        return GENERATIONS

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name."""
        return {"model": self.model, **self.model_dump(exclude_none=True, exclude={"model"})}

    def unsigned(self) -> Self:
        """A copy for comparisons; see `VideoRequest.unsigned`."""
        return self.model_copy(update={"url": _changed(self.url, without_signature)})

    def shown(self) -> Self:
        """A copy that is safe to show and to store; see `VideoRequest.shown`."""
        return self.model_copy(update={"url": _changed(self.url, without_query)})

    def body(self, business_id: str | None = None) -> dict[str, Any]:
        """The JSON body; what wasn't given is left out.

        Args:
            business_id: The caller's own id; that it is kept for characters too is assumed ([A]).
        """
        return _with_business_id(self.given(), business_id)


class RemixRequest(BaseModel):
    """A request to `POST /v1/videos/{task_id}/remix` ([D]).

    A video made with `private` can't be remixed. The constructor validates the types only, as for
    `VideoRequest`.

    Args:
        task_id: The generation whose video is remixed.
        model: sora-2, sora-2-pro, sora-2-vip, or sora-2-official (with a prompt only).
        prompt: What is to change.
        duration: Length in seconds; None: the model's default.
        aspect_ratio: 16:9, 9:16 or 1:1; None: the model's default.

    Example:
        >>> RemixRequest(task_id="video_7497", prompt="At night").path
        '/v1/videos/video_7497/remix'
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, protected_namespaces=())
    section: ClassVar[Section] = "remix"

    task_id: str
    model: str = "sora-2"
    prompt: Prompt
    duration: int | None = None
    aspect_ratio: str | None = None

    @property
    def n(self) -> int:
        """The number of videos, always 1; see `VideoRequest.n`."""
        return 1

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/v1/videos/{path_segment(self.task_id)}/remix"

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name, without the task's id."""
        fields = self.model_dump(exclude_none=True, exclude={"model", "task_id"})
        return {"model": self.model, **fields}

    def unsigned(self) -> Self:
        """The request itself, as it has no URLs; see `VideoRequest.unsigned`."""
        return self

    def shown(self) -> Self:
        """The request itself, likewise."""
        return self

    def body(self, business_id: str | None = None) -> dict[str, Any]:
        """The JSON body; what wasn't given is left out.

        Args:
            business_id: The caller's own id; that it is kept for remixes too is assumed ([A]).
        """
        return _with_business_id(self.given(), business_id)


Request = VideoRequest | CharacterRequest | RemixRequest


def names_task(request: Request) -> bool:
    """Whether a request is about an earlier task: a remix of it, or a character made from it."""
    return isinstance(request, RemixRequest) or (
        isinstance(request, CharacterRequest) and request.from_task is not None
    )


def _with_business_id(body: dict[str, Any], business_id: str | None) -> dict[str, Any]:
    return body | {"client_business_id": business_id} if business_id else body


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with a function applied to every URL in it."""
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        return change(value)
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _changed(member, change) for name, member in value.items()}
    return value
