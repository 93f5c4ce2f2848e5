"""The steps of a shot and of a character as Prefect tasks."""

from prefect_toapis.tasks.balance import get_balance
from prefect_toapis.tasks.characters import create_character, poll_character
from prefect_toapis.tasks.download import download_video
from prefect_toapis.tasks.poll import poll_video
from prefect_toapis.tasks.remix import remix_video
from prefect_toapis.tasks.submit import submit_video
from prefect_toapis.tasks.uploads import upload_clip, upload_image

__all__ = [
    "create_character",
    "download_video",
    "get_balance",
    "poll_character",
    "poll_video",
    "remix_video",
    "submit_video",
    "upload_clip",
    "upload_image",
]
