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
    from prefect_toapis.flows.characters import create_characters
    from prefect_toapis.flows.collect import collect_batch
    from prefect_toapis.flows.generate import generate_from_spec, generate_videos, submit_batch
    from prefect_toapis.flows.reconcile import reconcile_batch
    from prefect_toapis.flows.shards import run_shard
    from prefect_toapis.tasks.balance import get_balance
    from prefect_toapis.tasks.characters import create_character, poll_character
    from prefect_toapis.tasks.download import download_video
    from prefect_toapis.tasks.poll import poll_video
    from prefect_toapis.tasks.remix import remix_video
    from prefect_toapis.tasks.submit import submit_video
    from prefect_toapis.tasks.uploads import upload_clip, upload_image

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
    "collect_batch": "flows.collect",
    "create_character": "tasks.characters",
    "create_characters": "flows.characters",
    "download_video": "tasks.download",
    "generate_from_spec": "flows.generate",
    "generate_videos": "flows.generate",
    "get_balance": "tasks.balance",
    "poll_character": "tasks.characters",
    "poll_video": "tasks.poll",
    "reconcile_batch": "flows.reconcile",
    "remix_video": "tasks.remix",
    "run_shard": "flows.shards",
    "submit_batch": "flows.generate",
    "submit_video": "tasks.submit",
    "upload_clip": "tasks.uploads",
    "upload_image": "tasks.uploads",
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
