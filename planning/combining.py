"""Combines a scene and a variant, or one of its fallbacks, into a request; roles unresolved."""

from typing import Any

from prefect_toapis.client.request_fields import SceneFields, VariantFields
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.spec import Fallback, Scene, Variant


def requested(scene: Scene, variant: VariantFields) -> VideoRequest:
    """Return the request of a scene and a variant; a scene's field precedes the variant's.

    Example:
        >>> scene = Scene(prompt="A tram", negative_prompt="rain")
        >>> requested(scene, Variant(model="kling-v3", mode="pro")).extra
        {'mode': 'pro', 'negative_prompt': 'rain'}
    """
    fields = {
        **{name: getattr(scene, name) for name in SceneFields.model_fields},
        **{name: getattr(variant, name) for name in VariantFields.model_fields},
        "extra": _combined(variant.extra, scene.extra),
    }
    return VideoRequest.model_validate(fields)


def fallback_requests(scene: Scene, variant: Variant) -> list[VideoRequest]:
    """Return the requests of a variant's fallbacks, in their order, each once.

    Example:
        >>> variant = Variant(duration=10, fallbacks=[Fallback(model="kling-v3", mode="pro")])
        >>> [request.duration for request in fallback_requests(Scene(prompt="A tram"), variant)]
        [10]
    """
    first = requested(scene, variant).given()
    others = [requested(scene, _filled(fallback, variant)) for fallback in variant.fallbacks]
    seen = [first, *(other.given() for other in others)]
    # a record names its candidate by the fields sent: a repeated one would be retried for ever
    return [other for at, other in enumerate(others) if seen[at + 1] not in seen[: at + 1]]


def _filled(fallback: Fallback, variant: Variant) -> Fallback:
    """A fallback with the variant's fields that it doesn't give, except for the model's own."""
    shared = VariantFields.model_fields.keys() - {"model", "extra"}
    missing = [name for name in shared if getattr(fallback, name) is None]
    return fallback.model_copy(update={name: getattr(variant, name) for name in missing})


def _combined(of_variant: dict[str, Any], of_scene: dict[str, Any]) -> dict[str, Any]:
    combined = {**of_variant, **of_scene}
    both = of_variant.get("metadata"), of_scene.get("metadata")
    if isinstance(both[0], dict) and isinstance(both[1], dict):
        combined["metadata"] = {**both[0], **both[1]}
    return combined
