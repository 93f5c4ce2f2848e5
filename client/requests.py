"""Requests for a video, a character, a remix or an extension, and their JSON."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import Self

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import ModelRules, Section
from prefect_toapis.client.request_fields import Model, Prompt, SceneFields, VariantFields
from prefect_toapis.client.sendable_values import OwnValue
from prefect_toapis.client.urls import path_segment, without_query, without_signature

GENERATIONS = "/v1/videos/generations"


IN_METADATA = (
    frozenset(  # [P]: fields that are sent inside `metadata`, unless a model's rules differ
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
)
_NEUTRAL: dict[str, bool | int] = {  # [P]: what a field that isn't sent means
    "n": 1,
    "hd": False,
    "thumbnail": False,
    "watermark": False,
    "private": False,
    "storyboard": False,
    "character_create": False,
}


class VideoRequest(SceneFields, VariantFields):
    """A request to `POST /v1/videos/generations`, as flat fields.

    The constructor validates the types only; `check` validates the rules of the model, which the
    client enforces. A file is represented by a reference to its content (see `references`).

    Example:
        ```python
        VideoRequest(prompt="A golden retriever running on grass, sunny day",
                     duration=10, aspect_ratio="16:9")
        VideoRequest(prompt="A tram", model="kling-v3", mode="pro", audio=True)
        ```
    """

    section: ClassVar[Section] = "fields"

    @property
    def path(self) -> str:
        """Where it is posted."""
        return GENERATIONS

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name."""
        left_out = {"extra"} if self.image_urls else {"extra", "image_urls"}
        fields = self.model_dump(exclude_none=True, exclude=left_out)
        return {"model": self.model, "prompt": self.prompt, **fields, **self.extra}

    def distinctive(self) -> dict[str, Any]:
        """The given fields, without those that say what holds anyway.

        A field that the model's rules give another default, such as a watermark, does count.
        """
        rules = Catalogue.current().rules_of(self.model)
        defaults = rules.defaults if rules else {}
        return {
            name: value
            for name, value in self.given().items()
            if not _is_neutral(name, value) or defaults.get(name, value) != value
        }

    def to_send(self, rules: ModelRules | None) -> dict[str, Any]:
        """The given fields, without those that the model lacks and that ask for nothing.

        Args:
            rules: Of the model; None if unknown.
        """
        given = self.given()
        if not self.prompt.strip():
            del given["prompt"]
        if rules is None:
            return given
        return {
            name: value
            for name, value in given.items()
            if name in rules.fields or not _is_neutral(name, value)
        }

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
        rules = Catalogue.current().rules_of(self.model)
        given = self.to_send(rules)
        inside = {name: given.pop(name) for name in list(given) if _is_in_metadata(name, rules)}
        inside |= given.pop("metadata", {})
        if inside:
            given["metadata"] = inside
        return _with_business_id(given, business_id)

    if TYPE_CHECKING:  # a model's own fields are given by name, too

        def __init__(  # noqa: PLR0913 - each is a field
            self,
            *,
            prompt: str = "",
            image_urls: list[str] = ...,
            character_url: str | None = None,
            character_timestamps: str | None = None,
            character_from_task: str | None = None,
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

    model: Model = "sora-2"
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


class DerivedRequest(BaseModel):
    """A request for a video that is made from an earlier one: a remix, or an extension.

    Args:
        task_id: The generation whose video it is made from.
        prompt: What is to change, or how it goes on.
        size: Of Grok's videos; None: the model's default.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, protected_namespaces=())

    task_id: str
    model: Model = "sora-2"
    prompt: Prompt
    size: str | None = None

    @property
    def outputs(self) -> int:
        """The number of videos, always 1; see `VideoRequest.outputs`."""
        return 1

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name, without the task's id."""
        fields = self.model_dump(exclude_none=True, exclude={"model", "task_id", "operation"})
        return {"model": self.model, **fields}

    def distinctive(self) -> dict[str, Any]:
        """The same as `given`; see `VideoRequest.distinctive`."""
        return self.given()

    def unsigned(self) -> Self:
        """The request itself, as it has no URLs; see `VideoRequest.unsigned`."""
        return self

    def shown(self) -> Self:
        """The request itself, likewise."""
        return self

    def body(self, business_id: str | None = None) -> dict[str, Any]:
        """The JSON body; what wasn't given is left out.

        Args:
            business_id: The caller's own id; that it is kept for these requests is assumed ([A]).
        """
        return _with_business_id(self.given(), business_id)


class RemixRequest(DerivedRequest):
    """A request to `POST /v1/videos/{task_id}/remix` ([D]).

    A video made with `private` can't be remixed. The constructor validates the types only, as for
    `VideoRequest`.

    Args:
        task_id: The generation whose video is remixed.
        model: sora-2, sora-2-pro, sora-2-vip, sora-2-official (with a prompt only), or Grok.
        prompt: What is to change.
        duration: Length in seconds; None: the model's default.
        aspect_ratio: 16:9, 9:16 or 1:1; None: the model's default.
        size: Of Grok's videos; None: the model's default.

    Example:
        >>> RemixRequest(task_id="video_7497", prompt="At night").path
        '/v1/videos/video_7497/remix'
    """

    section: ClassVar[Section] = "remix"

    duration: int | None = None
    aspect_ratio: str | None = None

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/v1/videos/{path_segment(self.task_id)}/remix"


class ExtendRequest(DerivedRequest):
    """A request to `POST /v1/videos/{task_id}/extend` ([D]), for the models of Grok.

    Args:
        task_id: The generation whose video goes on.
        model: A model that extends videos.
        prompt: How it goes on.
        size: Of the video; None: the model's default.

    Example:
        >>> ExtendRequest(task_id="video_7497", model="grok-video-1.0", prompt="She waves").path
        '/v1/videos/video_7497/extend'
    """

    section: ClassVar[Section] = "extend"

    operation: Literal["extend"] = "extend"  # distinguishes it from a remix in a record

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/v1/videos/{path_segment(self.task_id)}/extend"


GenerationRequest = VideoRequest | RemixRequest | ExtendRequest
Request = GenerationRequest | CharacterRequest


def flat_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request, with those inside `metadata` beside them.

    Args:
        given: From `given()`, also as recorded.

    Example:
        >>> flat_fields({"model": "kling-9", "metadata": {"mode": "pro"}})
        {'mode': 'pro', 'model': 'kling-9'}
    """
    inside = given.get("metadata")
    if not isinstance(inside, dict):
        return dict(given)
    return {**inside, **{name: value for name, value in given.items() if name != "metadata"}}


def names_task(request: Request) -> bool:
    """Whether a request is about an earlier task, which may be missing."""
    return isinstance(request, DerivedRequest) or (
        isinstance(request, CharacterRequest) and request.from_task is not None
    )


def _is_neutral(name: str, value: Any) -> bool:
    return name in _NEUTRAL and value == _NEUTRAL[name]


def _is_in_metadata(name: str, rules: ModelRules | None) -> bool:
    rule = rules.fields.get(name) if rules else None
    return rule.place == "metadata" if rule else name in IN_METADATA


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
