"""What makes a shot the same shot. Golden values in the tests hold this still across releases."""

import base64
import hashlib
import json
from typing import Any

from prefect_toapis.client.requests import CharacterRequest, RemixRequest, VideoRequest
from prefect_toapis.client.rules import segment_seconds
from prefect_toapis.client.urls import without_signature

IDENTITY_VERSION = 1
FOLDER_ID = 12  # characters of the id in a folder's name

_ID = 26  # base32 characters, 130 bits


def shot_id(
    *,
    destination: str,
    batch: str,
    request: VideoRequest | RemixRequest,
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
        request: The request; its prompt is not looked at, because it has its roles resolved. Its
            files are references to their content, a role in its `character_url` is unresolved.
        template: The prompt as written, with its roles.
        roles: Who plays each role the template names: a username, or what `made_from` tells.
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
    if isinstance(request, RemixRequest):
        content["remix_of"] = request.task_id
    return _hash(content)


def character_id(request: CharacterRequest) -> str:
    """The id of a character that is made: a hash of the clip and the part of it.

    Its name and the model are labels, and the same part may be written in several ways.

    Returns:
        26 characters of `a-z2-7`.

    Example:
        >>> one = CharacterRequest(from_task="video_7497", timestamps="1,3")
        >>> character_id(one) == character_id(one.model_copy(update={"timestamps": "1.0, 3"}))
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
    """The id of a character that a video brought along: a hash of both names.

    Args:
        task_id: Of the generation that was ordered with `character_create` or
            `character_from_task`.
        username: The character's, at the provider.

    Returns:
        26 characters of `a-z2-7`.
    """
    return _hash({"version": IDENTITY_VERSION, "task_id": task_id, "username": username})


def made_from(character: str) -> str:
    """How a shot's identity names a character that is made: not as any username is written.

    Args:
        character: What `character_id` told.
    """
    return f"made:{character}"


def business_id(bought: str, attempt: int) -> str:
    """The id of an attempt as the provider sees it (`client_business_id`, [D]).

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
