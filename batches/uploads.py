"""What was uploaded: `uploads/{sha256}.json` remembers the URL of each content.

A request holds a reference to the content of a file; the URL takes its place when it is sent.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from prefect_toapis.batches.documents import Moment, read_document
from prefect_toapis.batches.errors import DocumentDamaged, ObjectRefused
from prefect_toapis.batches.store import JSON, Store
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.references import references_in
from prefect_toapis.client.requests import Request
from prefect_toapis.client.urls import why_not_public

UPLOADS = "uploads"  # the folder, beside the batches
UPLOAD_VERSION = 1
LIFETIME = timedelta(hours=24)  # [A]: as that of results; no source says how long an upload lives
_LONGEST_URL = 8_192  # characters
_CLOCKS = timedelta(minutes=10)  # by which those of two workers may differ

logger = logging.getLogger("prefect_toapis")


class Upload(BaseModel):
    """One content that was uploaded.

    Args:
        reference: To the content.
        url: Where the provider keeps it.
        name: Of the file it came from: a label.
        uploaded_at: When.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = UPLOAD_VERSION
    reference: str
    url: str = Field(repr=False)  # might be signed
    name: str
    uploaded_at: Moment

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if (
            "@" in urlsplit(value).netloc
            or len(value) > _LONGEST_URL
            or why_not_public(value, private=True)
        ):
            raise ValueError("it is not an http(s) URL that the provider can fetch")
        return value


def upload_key(reference: str) -> str:
    """Where the upload of a content is remembered."""
    return f"{UPLOADS}/{reference.partition(':')[2]}.json"


def _at_public() -> bool:
    return False


async def find_upload(
    reference: str, store: Store, now: datetime, private: Callable[[], bool] = _at_public
) -> Upload | None:
    """The upload of a content; None if it is missing, damaged, expired or from the future.

    A file is uploaded again then: that costs nothing.

    Args:
        reference: To the content.
        store: Where uploads are remembered.
        now: The time.
        private: Says whether the API is at a private address, so that uploads may be, too; it is
            called in a thread, and only for an upload that is said to be at one.

    Raises:
        DocumentTooNew: A later version of this package wrote it.
        StoreError: The store doesn't answer.
    """
    key = upload_key(reference)

    def mismatch(found: Upload) -> str | None:
        return None if found.reference == reference else "it is about another content"

    try:
        content = await store.read(key)
        if content is None:
            return None
        found = read_document(Upload, content, store.uri(key), UPLOAD_VERSION, mismatch)
    except (DocumentDamaged, ObjectRefused) as damage:
        logger.warning("%s; the file is uploaded again", damage.what)
        return None
    if why_not_public(found.url) and not await asyncio.to_thread(private):
        logger.warning("%s names a private address; the file is uploaded again", store.uri(key))
        return None
    return found if -_CLOCKS < now - found.uploaded_at < LIFETIME else None


async def remember(upload: Upload, store: Store) -> None:
    """Note an upload; raises as the store does."""
    await store.write(upload_key(upload.reference), upload.model_dump_json().encode(), JSON)


async def urls_for(
    request: Request,
    store: Store,
    now: Callable[[], datetime],
    private: Callable[[], bool] = _at_public,
) -> dict[str, str]:
    """The URLs that a request's references stand for.

    Args:
        request: It may refer to nothing.
        store: Where uploads are remembered.
        now: The clock.
        private: As for `find_upload`.

    Raises:
        InvalidRequest: One wasn't uploaded, or too long ago.
        StoreError: As `find_upload`.
    """
    references = references_in(request)
    found = {
        reference: await find_upload(reference, store, now(), private) for reference in references
    }
    missing: Sequence[str] = [reference for reference, upload in found.items() if upload is None]
    if missing:
        raise InvalidRequest(
            [
                f"{reference}: no file of this content was uploaded in the last 24 hours; "
                "did the file change since it was planned? Run the batch again"
                for reference in missing
            ]
        )
    return {reference: upload.url for reference, upload in found.items() if upload}
