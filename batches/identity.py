"""What makes a shot the same shot. Golden values in the tests hold this still across releases."""

import base64
import hashlib
import json

from prefect_toapis.client.requests import VideoRequest

IDENTITY_VERSION = 1
FOLDER_ID = 12  # characters of the id in a folder's name

_ID = 26  # base32 characters, 130 bits


def shot_id(
    *,
    destination: str,
    batch: str,
    request: VideoRequest,
    template: str,
    roles: dict[str, list[str]],
    take: int,
) -> str:
    """The id of a shot: a hash of what is bought and where it goes.

    Names of scenes, variants and casts and their order are labels, not identity. Fields that hold
    their default count as not given, signatures in URLs don't count.

    Args:
        destination: Bucket and prefix, as `s3://bucket/prefix`.
        batch: The batch's name.
        request: The request; its prompt is not looked at, because it has its roles resolved.
        template: The prompt as written, with its roles.
        roles: The usernames that play each role the template names.
        take: 1, 2, ...

    Returns:
        26 characters of `a-z2-7`.
    """
    content = {
        "version": IDENTITY_VERSION,
        "destination": destination,
        "batch": batch,
        "prompt": template,
        "roles": roles,
        "fields": {k: v for k, v in request.unsigned().given().items() if k != "prompt"},
        "take": take,
    }
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_ID]


def business_id(shot: str, attempt: int) -> str:
    """The id of an attempt as the provider sees it (`client_business_id`, [D]).

    Example:
        >>> business_id("a" * 26, 1)
        'ptaaaaaaaaaaaaaaaaaaaaaaaaaa-1'
    """
    return f"pt{shot}-{attempt}"
