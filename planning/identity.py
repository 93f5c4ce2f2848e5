"""The identity of shots and characters. Golden values in the tests keep it stable."""

import base64
import hashlib
import json
from typing import Any

from prefect_toapis.client.field_faults import segment_seconds
from prefect_toapis.client.requests import (
    CharacterRequest,
    ExtendRequest,
    GenerationRequest,
    RemixRequest,
)
from prefect_toapis.client.urls import without_signature

IDENTITY_VERSION = 1
FOLDER_ID = 12  # characters of the id in a folder's name

_ID = 26  # base32 characters, 130 bits


def shot_id(
    *,
    destination: str,
    batch: str,
    request: GenerationRequest,
    template: str,
    roles: dict[str, list[str]],
    take: int,
) -> str:
    """Return the id of a shot: a hash of what is bought and where it is stored.

    Names and order of scenes, variants and casts are labels, and not part of the identity. Fields
    with their default value count as not given; signatures in URLs are ignored.

    Args:
        destination: Bucket and prefix, as `s3://bucket/prefix`.
        batch: The batch's name.
        request: The request; its prompt is ignored, because its roles are resolved. Its files are
            references to their content, and a role in `character_url` is unresolved.
        template: The prompt as written, with its roles.
        roles: The characters of each role in the template, by username or `made_from`.
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
        "fields": {k: v for k, v in request.unsigned().distinctive().items() if k != "prompt"},
        "take": take,
    }
    if isinstance(request, RemixRequest):
        content["remix_of"] = request.task_id
    if isinstance(request, ExtendRequest):
        content["extends"] = request.task_id
    return _hash(content)


def character_id(request: CharacterRequest) -> str:
    """Return the id of a created character: a hash of the clip and the timestamps.

    Its name and model are labels; different spellings of the same timestamps give the same id.

    Returns:
        26 characters of `a-z2-7`.

    Example:
        >>> turbo = CharacterRequest(from_task="video_7497", timestamps="1,3")
        >>> character_id(turbo) == character_id(turbo.model_copy(update={"timestamps": "1.0, 3"}))
        True
    """
    content = {
        "version": IDENTITY_VERSION,
        "url": without_signature(request.url) if request.url else None,
        "from_task": request.from_task,
        "timestamps": segment_seconds(request.timestamps) or request.timestamps,
    }
    return _hash(content)


def shown_character_id(task_id: str, username: str) -> str:
    """Return the id of a character that came with a video: a hash of task id and username.

    Args:
        task_id: Of the generation ordered with `character_create` or `character_from_task`.
        username: Of the character, at the provider.

    Returns:
        26 characters of `a-z2-7`.
    """
    return _hash({"version": IDENTITY_VERSION, "task_id": task_id, "username": username})


def made_from(character: str) -> str:
    """Return what a shot's identity calls a created character; never a valid username.

    Args:
        character: From `character_id`.
    """
    return f"made:{character}"


def business_id(bought: str, attempt: int) -> str:
    """Return the business id that the provider gets for an attempt (`client_business_id`, [D]).

    Args:
        bought: The id of the shot or character.
        attempt: 1, 2, ...

    Example:
        >>> business_id("a" * 26, 1)
        'ptaaaaaaaaaaaaaaaaaaaaaaaaaa-1'
    """
    return f"pt{bought}-{attempt}"


def _hash(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_ID]
