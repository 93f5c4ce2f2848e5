"""The fields of a request for a video, as users give them, each with the provider's rule in words.

A scene has the fields of what is shown, a variant those of how it is made; together they are a
request. `request_rules.check` validates them by the catalogue.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.form_schema import form
from prefect_toapis.client.strict_model import StrictModel, did_you_mean


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
Model = Annotated[str, AfterValidator(lambda name: Catalogue.current().canonical(name))]


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


class ModelFields(StrictModel):
    """The fields that only some models have; the catalogue lists them.

    They are given like any other field (`mode="pro"`), and kept in `extra`.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # may hold signed URLs

    extra: dict[str, JsonValue] = Field(
        default={},
        repr=False,  # may hold signed URLs
        description="Fields of the model that this form doesn't have (JSON), such as "
        '{"mode": "pro", "audio": true}.',
    )

    @classmethod
    def instead_of(cls, name: str) -> str:
        """Return what was probably meant by an unknown field, as words to add; else nothing."""
        if name in VariantFields.model_fields:
            return "; it belongs in a variant"
        if name in SceneFields.model_fields:
            return "; it belongs in a scene"
        own = filter(is_model_field, Catalogue.current().fields)
        return did_you_mean(name, cls.model_fields) or did_you_mean(name, own)

    @model_validator(mode="before")
    @classmethod
    def _into_extra(cls, value: Any) -> Any:
        """Move the fields that the catalogue knows into `extra`; others are errors."""
        if not isinstance(value, dict) or value.keys() <= cls.model_fields.keys():
            return value
        given = {name: value[name] for name in value if is_model_field(name)}
        extra = value.get("extra") or {}
        if not given or not isinstance(extra, dict):
            return value
        if twice := sorted(given.keys() & extra.keys()):
            raise ValueError(f"{twice[0]} is given twice, once in extra")
        others = {name: field for name, field in value.items() if name not in given}
        present = {name: field for name, field in given.items() if field is not None}
        return {**others, "extra": {**extra, **present}}


class SceneFields(ModelFields):
    """What the video shows."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra=form("prompt", "name")
    )

    prompt: Prompt = Field(
        default="",
        description="What the video shows. May name characters as @username, or roles as {hero}. "
        "Some models make videos of images without a prompt.",
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


class VariantFields(ModelFields):
    """How the video is made."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,  # may hold signed URLs
        protected_namespaces=(),
        json_schema_extra=form("name"),
    )

    model: Model = Field(
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
    n: int | None = Field(default=None, description="Videos per generation, 1 to 4. Empty: 1.")
    hd: bool | None = Field(default=None, description="High definition: sora-2-pro at 15 seconds.")
    thumbnail: bool | None = Field(default=None, description="Also make a thumbnail.")
    watermark: bool | None = Field(
        default=None,
        description="Put the provider's watermark on the video. Empty: the model's default.",
    )
    private: bool | None = Field(
        default=None, description="Don't publish the video; it can't be remixed then."
    )
    storyboard: bool | None = Field(default=None, description="Finer control over the details.")
    character_create: bool | None = Field(
        default=None, description="Make a character from the finished video."
    )

    _numbers = field_validator("duration", "n", mode="before")(not_boolean)

    @property
    def outputs(self) -> int:
        """The number of videos of a generation."""
        return 1 if self.n is None else max(self.n, 0)


def is_model_field(name: object) -> bool:
    """Whether a field is one that only some models have, and that the catalogue lists.

    Example:
        >>> [is_model_field(name) for name in ("mode", "duration", "durration")]
        [True, False, False]
    """
    shared = SceneFields.model_fields.keys() | VariantFields.model_fields.keys()
    return name in Catalogue.current().fields and name not in shared
