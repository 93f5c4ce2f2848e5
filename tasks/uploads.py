"""The tasks that upload the images and clips that requests refer to."""

from datetime import datetime, timezone
from pathlib import Path

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.media_files import MediaFile, read_media
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.file_references import File, content_faults, files_of, map_request
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.uploads import Upload, find_upload, remember
from prefect_toapis.tasks.options import account_of, api_is_private, named, run_logger, step
from prefect_toapis.tasks.sync_async import sync_task


@step("upload_image", named("upload", "file"))
async def aupload_image(
    file: str | Path,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> str:
    """Upload a reference image; requests refer to it by its URL. Uploads are free.

    With a bucket, the same content is uploaded once in 24 hours, whatever its file name.

    Args:
        file: A path, or `s3://bucket/key`: JPEG, PNG, WebP or GIF, 10 MB at most ([D]).
        credentials: Of the account that receives it.
        bucket: Records the upload; its credentials are used for the `s3://` object.
        settings: `retries.client_seconds`.

    Returns:
        The URL, for `image_urls`.

    Raises:
        InvalidRequest: The file is missing, unreadable, too large or not such an image.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect retries this task.

    Example:
        ```python
        url = await aupload_image("refs/tram.png", credentials=credentials)
        request = VideoRequest(prompt="A tram at golden hour", image_urls=[url])
        ```
    """
    return (await upload(File(str(file), "image"), credentials, bucket, settings)).url


upload_image = sync_task(aupload_image)
"""`aupload_image` for sync code."""


@step("upload_clip", named("upload", "file"))
async def aupload_clip(
    file: str | Path,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> str:
    """Upload a clip, to make characters from. Uploads are free.

    With a bucket, the same content is uploaded once in 24 hours, whatever its file name.

    Args:
        file: A path, or `s3://bucket/key`: MP4, WebM or MOV, 50 MB at most ([D]).
        credentials: Of the account that receives it.
        bucket: Records the upload; its credentials are used for the `s3://` object.
        settings: `retries.client_seconds`.

    Returns:
        The URL, for a character's `url` or a scene's `character_url`.

    Raises:
        InvalidRequest: The file is missing, unreadable, too large or not such a clip.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect retries this task.

    Example:
        ```python
        url = await aupload_clip("clips/duke.mp4", credentials=credentials)
        duke = Character(name="Duke", url=url, timestamps="1,3")
        ```
    """
    return (await upload(File(str(file), "video"), credentials, bucket, settings)).url


upload_clip = sync_task(aupload_clip)
"""`aupload_clip` for sync code."""


async def upload(
    file: File,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
) -> Upload:
    """Upload a file unless the bucket has a recent upload of its content; see `upload_image`."""
    media = await read_media(file.path, file.kind, bucket.credentials if bucket else None)
    return await _upload_media(media, credentials, bucket, settings)


async def _upload_media(
    media: MediaFile,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
) -> Upload:
    store = BucketStore(bucket) if bucket else None
    now = datetime.now(timezone.utc)
    if store and (
        known := await find_upload(media.reference, store, now, api_is_private(credentials))
    ):
        return known
    with account_of(credentials, settings) as account:
        url = await account.upload(media.content, media.name, media.kind)
    uploaded = Upload(reference=media.reference, url=url, name=media.name, uploaded_at=now)
    if store:
        await remember(uploaded, store)
    run_logger().info("%s: uploaded, %.1f MB", media.name, len(media.content) / 1e6)
    return uploaded


async def with_uploads(
    request: VideoRequest,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
) -> tuple[VideoRequest, dict[str, str]]:
    """Upload the files of a request.

    Returns:
        The request with content references instead of files, and the URLs by reference.

    Raises:
        InvalidRequest: The model rejects a file; nothing was uploaded.
    """
    of_bucket = bucket.credentials if bucket else None
    media = {file: await read_media(*file, of_bucket) for file in files_of(request)}
    request = map_request(request, lambda path, kind: media[File(path, kind)].reference)
    contents = {found.reference: found.facts for found in media.values()}
    files = {found.reference: file for file, found in media.items()}
    if faults := content_faults(request, contents, files):
        raise InvalidRequest(list(map(str, faults)))
    uploads = {
        file: await _upload_media(found, credentials, bucket, settings)
        for file, found in media.items()
    }
    return request, {uploaded.reference: uploaded.url for uploaded in uploads.values()}
