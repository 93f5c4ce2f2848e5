"""What runs are called in the Prefect UI."""

from datetime import datetime, timezone
from typing import Any

import pytest

from prefect_toapis import RunSettings
from prefect_toapis.flows.run_names import name_of
from prefect_toapis.planning.labels import RunFacts

FACTS = RunFacts(
    now=datetime(2026, 11, 25, 1, tzinfo=timezone.utc),
    scheduled=datetime(2026, 11, 24, 23, 30, tzinfo=timezone.utc),
    run="8f3c0000-0000-0000-0000-000000000000",
)
SCENES: dict[str, Any] = {"scenes": ["a", "b"], "variants": ["c"]}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (SCENES | {"batch": "lisbon"}, "lisbon: 2 scenes x 1 variant"),
        (SCENES | {"batch": None}, "a new batch: 2 scenes x 1 variant"),
        (SCENES | {"batch": "b", "casts": [1, 2]}, "b: 2 scenes x 1 variant x 2 casts"),
        (
            SCENES | {"batch": "b", "characters": [1, 2]},
            "b: 2 scenes x 1 variant x 2 characters",
        ),
        (
            SCENES | {"batch": "b", "characters": [1, 2], "casts": [1]},
            "b: 2 scenes x 1 variant x 1 cast",
        ),
        (SCENES | {"batch": "b", "dry_run": True}, "b: 2 scenes x 1 variant (dry run)"),
        ({"spec": "s3://studio/specs/night.yaml", "batch": "b"}, "b: night.yaml"),
        ({"spec": "night.yaml", "dry_run": True}, "night.yaml (dry run)"),
        ({"spec": "n.yaml", "batch": "night-{scheduled}"}, "night-2026-11-24: n.yaml"),
        (
            SCENES | {"batch": "{scheduled}", "settings": RunSettings(time_zone="Europe/Berlin")},
            "2026-11-25: 2 scenes x 1 variant",
        ),
        (SCENES | {"batch": "not a name"}, "not a name: 2 scenes x 1 variant"),
    ],
)
def test_a_run_is_named_for_its_batch_and_what_it_is_made_of(
    parameters: dict[str, Any], name: str
) -> None:
    assert name_of(parameters, FACTS) == name
