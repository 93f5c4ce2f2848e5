"""The flows: from ideas to videos in the bucket."""

from prefect_toapis.flows.generation import generate_from_spec, generate_videos

__all__ = ["generate_from_spec", "generate_videos"]
