"""The steps of a shot as Prefect tasks: submit, poll, download."""

from prefect_toapis.tasks.download import download_video
from prefect_toapis.tasks.poll import poll_video
from prefect_toapis.tasks.submit import submit_video

__all__ = ["download_video", "poll_video", "submit_video"]
