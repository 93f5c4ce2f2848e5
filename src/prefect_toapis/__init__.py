"""Prompts in, finished videos in your own S3 bucket: a Prefect integration for the ToAPIs API."""

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import Manifest, StoredVideo
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.spec import Cast, Character, Role, RunSettings, Scene, Variant
from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.flows import generate_from_spec, generate_videos
from prefect_toapis.tasks import download_video, poll_video, submit_video

__all__ = [
    "Cast",
    "Character",
    "Generation",
    "Manifest",
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
    "download_video",
    "generate_from_spec",
    "generate_videos",
    "poll_video",
    "submit_video",
]
