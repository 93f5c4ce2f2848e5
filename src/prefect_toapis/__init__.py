"""Prompts in, finished videos in your own S3 bucket: a Prefect integration for the ToAPIs API."""

from prefect_toapis.batches.characters import CharacterCreation, MadeCharacter
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import Manifest, StoredVideo
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.prices import Price
from prefect_toapis.batches.spec import Cast, Character, Role, RunSettings, Scene, Variant
from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.requests import RemixRequest, VideoRequest
from prefect_toapis.flows import create_characters, generate_from_spec, generate_videos
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
    "create_character",
    "create_characters",
    "download_video",
    "generate_from_spec",
    "generate_videos",
    "get_balance",
    "poll_character",
    "poll_video",
    "remix_video",
    "submit_video",
    "upload_clip",
    "upload_image",
]
