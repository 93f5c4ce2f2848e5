"""Uploaded files: `uploads/{sha256}.json` stores the URL of each content.

A request contains a reference to the content of a file, which is replaced by the URL when sent.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.references import references_in
from prefect_toapis.client.requests import Request
from prefect_toapis.client.urls import why_not_public
from prefect_toapis.errors import DocumentDamaged, ObjectRefused
from prefect_toapis.records.documents import Moment, read_document
from prefect_toapis.records.layout import upload_key
from prefect_toapis.records.store import JSON, Store

UPLOAD_VERSION = 1
LIFETIME = timedelta(hours=24)  # [A]: like results; the lifetime of uploads is not documented
_LONGEST_URL = 8_192  # characters
_CLOCKS = timedelta(minutes=10)  # maximum difference between the clocks of two workers

logger = logging.getLogger("prefect_toapis")


class Upload(BaseModel):
    """An uploaded file.

    Args:
        reference: To its content.
        url: At the provider.
        name: Of the original file: a label.
        uploaded_at: When it was uploaded.
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


def _at_public() -> bool:
    return False


async def find_upload(
    reference: str, store: Store, now: datetime, private: Callable[[], bool] = _at_public
) -> Upload | None:
    """Find the upload of a content; None if it is missing, damaged, expired or in the future.

    The file is then uploaded again, which is free of charge.

    Args:
        reference: To the content.
        store: Where uploads are recorded.
        now: The current time.
        private: Returns whether the API is at a private address, so that private upload URLs are
            allowed; called in a thread, and only for uploads with a private URL.

    Raises:
        DocumentTooNew: It was written by a later version of this package.
        StoreError: The store is unavailable.
    """
    key = upload_key(reference)

    def mismatch(found: Upload) -> str | None:
        return None if found.reference == reference else "it belongs to another content"

    try:
        content = await store.read(key)
        if content is None:
            return None
        found = read_document(Upload, content, store.uri(key), UPLOAD_VERSION, mismatch)
    except (DocumentDamaged, ObjectRefused) as damage:
        logger.warning("%s; the file is uploaded again", damage.message)
        return None
    if why_not_public(found.url) and not await asyncio.to_thread(private):
        logger.warning("%s names a private address; the file is uploaded again", store.uri(key))
        return None
    return found if -_CLOCKS < now - found.uploaded_at < LIFETIME else None


async def remember(upload: Upload, store: Store) -> None:
    """Record an upload.

    Raises:
        StoreError: The store refuses, or is unavailable.
    """
    await store.write(upload_key(upload.reference), upload.model_dump_json().encode(), JSON)


async def urls_for(
    request: Request,
    store: Store,
    now: Callable[[], datetime],
    private: Callable[[], bool] = _at_public,
) -> dict[str, str]:
    """Return the URLs of the uploads that a request refers to, by reference.

    Args:
        request: It may have no references.
        store: Where uploads are recorded.
        now: The clock.
        private: As for `find_upload`.

    Raises:
        InvalidRequest: A file wasn't uploaded, or too long ago.
        StoreError: As for `find_upload`.
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
