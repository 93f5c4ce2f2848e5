"""The flows: from ideas to videos in the bucket."""

from prefect_toapis.flows.characters import create_characters
from prefect_toapis.flows.generation import generate_from_spec, generate_videos
from prefect_toapis.flows.reconciling import reconcile_batch

__all__ = ["create_characters", "generate_from_spec", "generate_videos", "reconcile_batch"]
