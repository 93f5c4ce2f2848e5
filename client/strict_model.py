"""The base of models that people write: an unknown field is an error that says what was meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import Self

_SHOWN = 100  # characters of a name that are compared


class StrictModel(BaseModel):
    """A model that refuses unknown fields, and names the field that was probably meant.

    Example:
        >>> class Clip(StrictModel):
        ...     duration: int = 10
        >>> Clip(duraton=5)
        Traceback (most recent call last):
        pydantic_core._pydantic_core.ValidationError: 1 validation error for Clip
        duraton
          there is no such field; did you mean 'duration'? [type=extra_forbidden]
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def instead_of(cls, name: str) -> str:
        """Return what was probably meant by an unknown field, as words to add; else nothing."""
        return did_you_mean(name, cls.model_fields)

    @model_validator(mode="wrap")
    @classmethod
    def _suggesting(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if not any(map(_is_unknown_field, details)):
                raise
            raise ValidationError.from_exception_data(
                error.title,
                [cls._detail(detail) for detail in details],
                hide_input=True,
            ) from None

    @classmethod
    def _detail(cls, detail: Any) -> InitErrorDetails:
        text = detail["msg"]
        if _is_unknown_field(detail):
            text = f"there is no such field{cls.instead_of(str(detail['loc'][0])[:_SHOWN])}"
        return InitErrorDetails(
            type=PydanticCustomError(detail["type"], "{text}", {"text": text}),
            loc=detail["loc"],
            input=None,
        )


def did_you_mean(name: str, fields: Iterable[str]) -> str:
    """Return the nearest field, as words to add; nothing if none is near.

    Example:
        >>> did_you_mean("duraton", ["model", "duration"]), did_you_mean("x", ["duration"])
        ("; did you mean 'duration'?", '')
    """
    near = get_close_matches(name, fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _is_unknown_field(detail: Any) -> bool:
    return detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1
