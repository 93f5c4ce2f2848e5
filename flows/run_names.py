"""What the runs of a batch are called in the Prefect UI."""

from collections.abc import Mapping, Sized
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from prefect.runtime import flow_run

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.labels import RunFacts, batch_name
from prefect_toapis.planning.settings import RunSettings

_NEW = "a new batch"
_SHOWN = 200  # characters of a batch or file in a name


def run_facts() -> RunFacts:
    """What the name of a batch may say of the run that makes it."""
    now = datetime.now(timezone.utc)
    return RunFacts(now, flow_run.scheduled_start_time or now, str(flow_run.id))


def run_name() -> str:
    """A `flow_run_name`: the batch, and what it is made of."""
    return name_of(flow_run.parameters, run_facts())


def shard_name(parameters: Mapping[str, Any]) -> str:
    """The name of a run that makes one shard, by the parameters of its flow.

    Example:
        >>> shard_name({"batch": "lisbon", "shard": 2})
        'lisbon: shard 2'
    """
    return f"{printable(str(parameters['batch']), _SHOWN)}: shard {parameters['shard']}"


def name_of(parameters: Mapping[str, Any], facts: RunFacts) -> str:
    """The name of a run, by the parameters of its flow.

    Args:
        parameters: As Prefect has them: models, or what the form of the UI sent.
        facts: Of the run.

    Example:
        >>> now = datetime(2026, 11, 22, tzinfo=timezone.utc)
        >>> name_of({"batch": "lisbon", "scenes": ["a", "b"]}, RunFacts(now, now, "8f"))
        'lisbon: 2 scenes'
    """
    batch = printable(_batch(parameters, facts), _SHOWN)
    if spec := parameters.get("spec"):
        file = printable(PurePosixPath(str(spec)).name, _SHOWN)
        what = file if batch == _NEW else f"{batch}: {file}"  # the file may name its batch itself
    else:
        what = f"{batch}: {' x '.join(_sizes(parameters))}"
    return f"{what} (dry run)" if parameters.get("dry_run") else what


def _batch(parameters: Mapping[str, Any], facts: RunFacts) -> str:
    template = parameters.get("batch")
    if template is None:
        return _NEW
    settings = parameters.get("settings")
    zone = settings.time_zone if isinstance(settings, RunSettings) else RunSettings().time_zone
    try:
        return batch_name(str(template), facts, zone)
    except ValueError:  # a fault that the checks report
        return str(template)


def _sizes(parameters: Mapping[str, Any]) -> list[str]:
    players = "cast" if parameters.get("casts") else "character"
    sizes = {what: _size(parameters.get(f"{what}s")) for what in ("scene", "variant", players)}
    return [f"{size} {what}{'' if size == 1 else 's'}" for what, size in sizes.items() if size]


def _size(items: object) -> int:
    return len(items) if isinstance(items, Sized) else 0
