"""The flows: from ideas to videos in the bucket."""

from prefect_toapis.flows.characters import create_characters
from prefect_toapis.flows.collecting import collect_batch
from prefect_toapis.flows.generation import generate_from_spec, generate_videos
from prefect_toapis.flows.reconciling import reconcile_batch
from prefect_toapis.flows.run_shard import run_shard
from prefect_toapis.flows.submitting import submit_batch

__all__ = [
    "collect_batch",
    "create_characters",
    "generate_from_spec",
    "generate_videos",
    "reconcile_batch",
    "run_shard",
    "submit_batch",
]
