"""A request for a video, its fields and how it looks on the wire.

A scene says what is shown, a variant how it is made; together they are a request. Each field is
declared here once, with the provider's rule in words; `rules.check` decides by the catalogue.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator
from typing_extensions import Self

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.urls import without_signature

# The form of the Prefect UI draws these as drop-downs. They aren't Literals, because a model
# that the catalogue doesn't know may take other values.
AspectRatio = Annotated[
    str,
    WithJsonSchema({"type": "string", "enum": Catalogue.shipped().choices("aspect_ratio")}),
]
Style = Annotated[
    str, WithJsonSchema({"type": "string", "enum": Catalogue.shipped().choices("style")})
]

IN_METADATA = frozenset(  # [P]: these travel inside `metadata`
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


class SceneFields(BaseModel):
    """What the video shows."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(
        description="What the video shows. May name characters as @username, or roles as {hero}."
    )
    image_urls: list[str] = Field(
        default=[],
        repr=False,  # may be signed
        description="Reference images: public http(s) URLs.",
    )
    character_url: str | None = Field(
        default=None,
        repr=False,  # may be signed
        description="A reference video to take characters from (public http(s) URL), "
        "or the id of a finished character task. The video comes out 1 s shorter.",
    )
    character_timestamps: str | None = Field(
        default=None,
        description='Where in the reference video, as "start,end" in seconds, 2 seconds apart: '
        '"1,3". The video comes out 1 s shorter.',
    )
    character_from_task: str | None = Field(
        default=None, description="Make a character from the video of this earlier task."
    )

    @field_validator("prompt")
    @classmethod
    def _is_text(cls, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character, which can't be sent") from None
        return value


class VariantFields(BaseModel):
    """How the video is made."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

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


class VideoRequest(SceneFields, VariantFields):
    """One request to `POST /v1/videos/generations` ([P]), as flat fields.

    Making one checks the types only; `check` tells which rules of its model it breaks, and
    the client refuses to send one that breaks any.

    Example:
        ```python
        VideoRequest(prompt="A golden retriever running on grass, sunny day",
                     duration=10, aspect_ratio="16:9")
        ```
    """

    def given(self) -> dict[str, Any]:
        """The fields that were given something other than their default, by name."""
        fields = self.model_dump(exclude_defaults=True, exclude={"extra"})
        return {"model": self.model, "prompt": self.prompt, **fields, **self.extra}

    def unsigned(self) -> Self:
        """The same request, safe to keep: URLs without what only proves a right to fetch them."""
        fields = self.model_dump(exclude_unset=True, exclude={"prompt"})
        return type(self).model_validate({**_unsigned(fields), "prompt": self.prompt})

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
        if business_id:
            given["client_business_id"] = business_id
        return given


def _unsigned(value: Any) -> Any:
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        return without_signature(value)
    if isinstance(value, list):
        return [_unsigned(one) for one in value]
    if isinstance(value, dict):
        return {name: _unsigned(one) for name, one in value.items()}
    return value
