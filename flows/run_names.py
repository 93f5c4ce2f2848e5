"""Names of flow runs in the Prefect UI."""

from collections.abc import Mapping, Sized
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from prefect.runtime import flow_run

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.labels import RunFacts, batch_name
from prefect_toapis.planning.settings import RunSettings

SUBMIT_BATCH = "submit-batch"  # the flow

_NEW_BATCH = "a new batch"
_MAX_LENGTH = 200  # characters of a batch or file in a name


def run_facts() -> RunFacts:
    """Return the facts of the current run for the placeholders of batch names."""
    now = datetime.now(timezone.utc)
    return RunFacts(now, flow_run.scheduled_start_time or now, str(flow_run.id))


def run_name() -> str:
    """A `flow_run_name`: the batch and the size of its inputs."""
    return name_of(flow_run.parameters, run_facts())


def shard_name(parameters: Mapping[str, Any]) -> str:
    """Return the name of a shard's run, from the parameters of its flow.

    Example:
        >>> shard_name({"batch": "lisbon", "shard": 2})
        'lisbon: shard 2'
    """
    return f"{printable(str(parameters['batch']), _MAX_LENGTH)}: shard {parameters['shard']}"


def name_of(parameters: Mapping[str, Any], facts: RunFacts) -> str:
    """Return the name of a run, from the parameters of its flow.

    Args:
        parameters: From Prefect: models, or JSON values from the form in the UI.
        facts: Of the run.

    Example:
        >>> now = datetime(2026, 11, 22, tzinfo=timezone.utc)
        >>> name_of({"batch": "lisbon", "scenes": ["a", "b"]}, RunFacts(now, now, "8f"))
        'lisbon: 2 scenes'
    """
    batch = printable(_batch(parameters, facts), _MAX_LENGTH)
    if spec := parameters.get("spec"):
        file = printable(PurePosixPath(str(spec)).name, _MAX_LENGTH)
        what = (
            file if batch == _NEW_BATCH else f"{batch}: {file}"
        )  # the batch may be named in the file
    else:
        what = f"{batch}: {' x '.join(_sizes(parameters))}"
    return f"{what} (dry run)" if parameters.get("dry_run") else what


def _batch(parameters: Mapping[str, Any], facts: RunFacts) -> str:
    template = parameters.get("batch")
    if template is None:
        return _NEW_BATCH
    settings = parameters.get("settings")
    zone = settings.time_zone if isinstance(settings, RunSettings) else RunSettings().time_zone
    try:
        return batch_name(str(template), facts, zone)
    except ValueError:  # reported by the checks
        return str(template)


def _sizes(parameters: Mapping[str, Any]) -> list[str]:
    cast_noun = "cast" if parameters.get("casts") else "character"
    sizes = {noun: _size(parameters.get(f"{noun}s")) for noun in ("scene", "variant", cast_noun)}
    return [f"{size} {noun}{'' if size == 1 else 's'}" for noun, size in sizes.items() if size]


def _size(items: object) -> int:
    return len(items) if isinstance(items, Sized) else 0
