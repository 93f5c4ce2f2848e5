"""Whether the API offers the models that a run would buy from, now: `GET /v1/models` ([D])."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from prefect.logging import get_run_logger

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import APIError, Transient, Unauthorized
from prefect_toapis.client.plain_text import printable
from prefect_toapis.flows.batch import Batch
from prefect_toapis.records.characters import creation_attempts

_SHOWN = 60  # characters of a name in a message
_NEAREST = 3  # models in a message
_CLOSE = 0.6  # sora-2 and sora-2-vvip are closer


def offered_faults(
    wanted: Iterable[tuple[str, Sequence[str]]],
    offered: Sequence[str],
    catalogue: Catalogue,
    url: str,
) -> list[str]:
    """Return a fault for each shot or character that no offered model can make, by models.

    Args:
        wanted: Labels of what is to be bought, each with its model and those of its fallbacks.
        offered: By the API, in any case; empty: unknown.
        catalogue: Provides aliases and families.
        url: Of the API.

    Example:
        >>> wanted = [("dog / sora-2", ["sora-2"]), ("dog / kling-v3", ["kling-v3"])]
        >>> offered_faults(wanted, ["sora-2-vvip", "kling-v3"], Catalogue.shipped(), "https://a.example")
        ['dog / sora-2: sora-2 is not offered by https://a.example now; nearest: sora-2-vvip']
    """
    names = {_key(name, catalogue) for name in offered}
    missing: dict[tuple[str, ...], list[str]] = {}
    for label, models in wanted if names else []:
        if names.isdisjoint(_key(model, catalogue) for model in models):
            missing.setdefault(tuple(models), []).append(label)
    return [
        f"{_first(labels)}: {_are_not(models)} offered by {url} now; "
        f"{_instead(models[0], offered, catalogue)}"
        for models, labels in missing.items()
    ]


def skipped_models(
    wanted: Iterable[tuple[str, Sequence[str]]], offered: Sequence[str], catalogue: Catalogue
) -> list[str]:
    """Return the models that aren't offered, of shots that another of their models can make.

    Args:
        wanted: As for `offered_faults`.
        offered: Likewise.
        catalogue: Provides aliases.

    Example:
        >>> wanted = [("dog", ["sora-2", "veo3.1-fast"])]
        >>> skipped_models(wanted, ["veo3.1-fast"], Catalogue.shipped())
        ['sora-2']
    """
    names = {_key(name, catalogue) for name in offered}
    found = [
        model
        for _, models in wanted
        if not names.isdisjoint(_key(model, catalogue) for model in models)
        for model in models
        if _key(model, catalogue) not in names
    ]
    return list(dict.fromkeys(found))


def is_list_of_videos(offered: Iterable[str], wanted: Iterable[str], catalogue: Catalogue) -> bool:
    """Return whether a list names any video model; an API may ignore the type and list others.

    Args:
        offered: The list.
        wanted: The models that are to be bought from.
        catalogue: The known models.

    Example:
        >>> is_list_of_videos(["gpt-9"], ["sora-2"], Catalogue.shipped())
        False
    """
    known = {_key(name, catalogue) for name in (*catalogue.names(), *wanted)}
    return any(_key(name, catalogue) in known for name in offered)


async def unoffered_models(batch: Batch) -> list[str]:
    """Ask the API for its models; return a fault for each that the batch needs and it lacks.

    What was submitted before is left out: it is collected even if its model is gone. A list that
    can't be had, or that names no video model, is logged and is no fault.

    Args:
        batch: Opened; nothing is asked if it buys nothing.

    Raises:
        StoreError: The record of the characters can't be read.
    """
    wanted: list[tuple[str, Sequence[str]]] = [
        (shot.label, [request.model for request in shot.candidates])
        for shot in batch.to_buy
        if not batch.inventory.was_submitted(shot)
    ]
    if batch.to_make:
        wanted += await _unsent_characters(batch)
    if not wanted:
        return []
    catalogue, url = Catalogue.current(), batch.credentials.base_url
    offered = await _ask(batch, [model for _, models in wanted for model in models], catalogue)
    for model in skipped_models(wanted, offered, catalogue):
        why = f"{printable(model, _SHOWN)} is not offered by {url} now"
        get_run_logger().warning("%s; shots that list another model use that", why)
    return offered_faults(wanted, offered, catalogue, url)


async def _ask(batch: Batch, wanted: Sequence[str], catalogue: Catalogue) -> list[str]:
    """Return the models that the API offers; empty if that is unknown, which is logged."""
    logger, url = get_run_logger(), batch.credentials.base_url
    unchecked = "whether it offers the models of this batch is not checked"
    try:
        offered = await batch.account.models()
    except Unauthorized:
        return []  # the query of the balance reports a refused key
    except (APIError, Transient) as error:
        logger.warning("The API at %s doesn't list its models: %s %s", url, error, unchecked)
        return []
    if not offered:
        logger.warning("The API at %s lists no video models; %s", url, unchecked)
        return []
    if not is_list_of_videos(offered, wanted, catalogue):
        shown = ", ".join(printable(name, _SHOWN) for name in offered[:_NEAREST])
        logger.warning(
            "The API at %s lists no known video model, but %s; %s", url, shown, unchecked
        )
        return []
    return offered


async def _unsent_characters(batch: Batch) -> list[tuple[str, Sequence[str]]]:
    """Return the characters to make that were never submitted, and their models."""
    attempts = await creation_attempts(batch.to_make, batch.store)
    return [
        (f'character "{character.name}"', [character.model])
        for character, sent in zip(batch.to_make, attempts, strict=True)
        if not sent
    ]


def _key(name: str, catalogue: Catalogue) -> str:
    return catalogue.canonical(name.strip()).lower()


def _first(labels: Sequence[str]) -> str:
    return f"{labels[0]}{f' (and {len(labels) - 1} more)' if labels[1:] else ''}"


def _are_not(models: Sequence[str]) -> str:
    names = [printable(model, _SHOWN) for model in dict.fromkeys(models)][:_NEAREST]
    return f"{' and '.join(names)} {'are' if names[1:] else 'is'} not"


def _instead(model: str, offered: Sequence[str], catalogue: Catalogue) -> str:
    if near := nearest(model, offered, catalogue):
        return f"nearest: {', '.join(printable(name, _SHOWN) for name in near)}"
    return "`prefect-toapis models` lists what is"


def nearest(model: str, names: Iterable[str], catalogue: Catalogue) -> list[str]:
    """Return the models that are nearest to another: of its family first, then by name.

    Args:
        model: The name of a model.
        names: Of the models to choose from.
        catalogue: Provides families.

    Example:
        >>> nearest("veo3.1-turbo", ["sora-2", "veo3.1-fast"], Catalogue.shipped())
        ['veo3.1-fast']
    """
    family = _family(model, catalogue)
    ranked = [
        (bool(family) and _family(name, catalogue) == family, _likeness(model, name), name)
        for name in dict.fromkeys(names)
    ]
    close = [entry for entry in ranked if entry[0] or entry[1] >= _CLOSE]
    return [name for *_, name in sorted(close, key=lambda entry: entry[:2], reverse=True)][
        :_NEAREST
    ]


def _family(model: str, catalogue: Catalogue) -> str:
    rules = catalogue.rules_of(model)
    return rules.family if rules else ""


def _likeness(model: str, name: str) -> float:
    return SequenceMatcher(None, model.lower(), name.lower()).ratio()
