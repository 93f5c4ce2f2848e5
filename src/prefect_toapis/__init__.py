"""Prompts in, finished videos in your own S3 bucket: a Prefect integration for the ToAPIs API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_toapis.batches.characters import CharacterCreation, MadeCharacter
    from prefect_toapis.batches.generation import Generation
    from prefect_toapis.batches.manifest import Manifest, StoredVideo
    from prefect_toapis.batches.plan import Shot
    from prefect_toapis.batches.prices import Price
    from prefect_toapis.batches.spec import Cast, Character, Role, RunSettings, Scene, Variant
    from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket
    from prefect_toapis.client.requests import RemixRequest, VideoRequest
    from prefect_toapis.flows import (
        collect_batch,
        create_characters,
        generate_from_spec,
        generate_videos,
        reconcile_batch,
        run_shard,
        submit_batch,
    )
    from prefect_toapis.tasks import (
        create_character,
        download_video,
        get_balance,
        poll_character,
        poll_video,
        remix_video,
        submit_video,
        upload_clip,
        upload_image,
    )

__all__ = [
    "Cast",
    "Character",
    "CharacterCreation",
    "Generation",
    "MadeCharacter",
    "Manifest",
    "Price",
    "RemixRequest",
    "Role",
    "RunSettings",
    "S3Credentials",
    "Scene",
    "Shot",
    "StoredVideo",
    "ToAPIsCredentials",
    "Variant",
    "VideoBucket",
    "VideoRequest",
    "collect_batch",
    "create_character",
    "create_characters",
    "download_video",
    "generate_from_spec",
    "generate_videos",
    "get_balance",
    "poll_character",
    "poll_video",
    "reconcile_batch",
    "remix_video",
    "run_shard",
    "submit_batch",
    "submit_video",
    "upload_clip",
    "upload_image",
]

_HOMES = {
    "Cast": "batches.spec",
    "Character": "batches.spec",
    "CharacterCreation": "batches.characters",
    "Generation": "batches.generation",
    "MadeCharacter": "batches.characters",
    "Manifest": "batches.manifest",
    "Price": "batches.prices",
    "RemixRequest": "client.requests",
    "Role": "batches.spec",
    "RunSettings": "batches.spec",
    "S3Credentials": "blocks",
    "Scene": "batches.spec",
    "Shot": "batches.plan",
    "StoredVideo": "batches.manifest",
    "ToAPIsCredentials": "blocks",
    "Variant": "batches.spec",
    "VideoBucket": "blocks",
    "VideoRequest": "client.requests",
    "collect_batch": "flows",
    "create_character": "tasks",
    "create_characters": "flows",
    "download_video": "tasks",
    "generate_from_spec": "flows",
    "generate_videos": "flows",
    "get_balance": "tasks",
    "poll_character": "tasks",
    "poll_video": "tasks",
    "reconcile_batch": "flows",
    "remix_video": "tasks",
    "run_shard": "flows",
    "submit_batch": "flows",
    "submit_video": "tasks",
    "upload_clip": "tasks",
    "upload_image": "tasks",
}


if not TYPE_CHECKING:  # for a type checker, a misspelt name must stay an error

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is: most programs need little of it, and not at once."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import_module(f"{__name__}.blocks")  # Prefect knows them then, and s3:// can be read
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """The public names, for completion, and for whoever looks for blocks here."""
    return sorted(__all__)
