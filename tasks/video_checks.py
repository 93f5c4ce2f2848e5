"""Checks a stored video against its order, and its content with PyAV where it is installed."""

from functools import partial

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.blocks.bucket_store import open_stored
from prefect_toapis.blocks.streaming import in_transfer_thread
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.client.requests import GenerationRequest
from prefect_toapis.errors import StoreError
from prefect_toapis.planning.remarks import expected_of, remarks_on
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.stored_shots import StoredVideo
from prefect_toapis.reports.content_checks import Content, content_remarks, examine
from prefect_toapis.reports.thumbnails import pyav_is_installed
from prefect_toapis.tasks.options import run_logger

_MOST_BYTES = 1_000_000_000  # of a video that is decoded


async def checked(
    video: StoredVideo,
    request: GenerationRequest | None,
    label: str,
    bucket: VideoBucket,
    settings: RunSettings,
) -> StoredVideo:
    """Return a stored video with its facts and remarks. What can't be checked is only logged.

    Args:
        video: With the facts of its index, as far as there are any.
        request: What was ordered; None: unknown.
        label: Of the shot, for the log.
        bucket: Has the video.
        settings: `check_content`.
    """
    examined = None
    if pyav_is_installed() and (settings.check_content or not video.facts.is_complete):
        examined = await _examined(video, label, bucket)
    if examined:
        video = video.with_facts(video.facts.completed_by(examined[0]))
    remarks = remarks_on(expected_of(request, Catalogue.current()), video.facts) if request else []
    if examined and settings.check_content:
        remarks += content_remarks(examined[1])
    for remark in remarks:
        run_logger().warning("%s: %s", label, remark)
    return video.model_copy(update={"remarks": remarks})


async def _examined(
    video: StoredVideo, label: str, bucket: VideoBucket
) -> tuple[MediaFacts, Content] | None:
    if video.size > _MOST_BYTES:
        run_logger().warning("%s: not checked: %.1f MB are too many", label, video.size / 1e6)
        return None
    try:
        return await in_transfer_thread(partial(_decode, bucket, video))
    except StoreError as error:
        run_logger().warning("%s: not checked: %s", label, error.message)
    except ValueError as error:
        run_logger().warning("%s: not checked: %s", label, error)
    except Exception as error:  # noqa: BLE001 - decoders raise any error; the video is stored
        run_logger().warning("%s: not checked: %s", label, type(error).__name__)
    return None


def _decode(bucket: VideoBucket, video: StoredVideo) -> tuple[MediaFacts, Content]:
    with open_stored(bucket, video.key, video.size) as file:
        return examine(file)
