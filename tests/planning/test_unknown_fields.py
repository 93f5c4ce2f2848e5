"""Misspelt fields in Python code, as its author reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from prefect_toapis import (
    Cast,
    Character,
    Price,
    RunSettings,
    Scene,
    Variant,
    VideoRequest,
)
from prefect_toapis.planning.spec import BatchSpec

UNKNOWN = "there is no such field"
MISSPELT: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[str | int, ...], str]] = {
    "a variant": (Variant, {"duraton": 5}, ("duraton",), "; did you mean 'duration'?"),
    "a scene": (
        Scene,
        {"prompt": "A", "imge_urls": []},
        ("imge_urls",),
        "; did you mean 'image_urls'?",
    ),
    "a model's own": (
        Variant,
        {"resoluton": "720p"},
        ("resoluton",),
        "; did you mean 'resolution'?",
    ),
    "a variant's, in a scene": (
        Scene,
        {"prompt": "A", "duration": 5},
        ("duration",),
        "; it belongs in a variant",
    ),
    "a scene's, in a variant": (Variant, {"prompt": "A"}, ("prompt",), "; it belongs in a scene"),
    "a request": (
        VideoRequest,
        {"prompt": "A", "modle": "x"},
        ("modle",),
        "; did you mean 'model'?",
    ),
    "a character": (
        Character,
        {"name": "A", "usrname": "a.b"},
        ("usrname",),
        "; did you mean 'username'?",
    ),
    "a cast": (Cast, {"role": {}}, ("role",), "; did you mean 'roles'?"),
    "a price": (
        Price,
        {"model": "a", "credits": 1, "pre": "second"},
        ("pre",),
        "; did you mean 'per'?",
    ),
    "settings": (RunSettings, {"pollin": {}}, ("pollin",), "; did you mean 'polling'?"),
    "inner settings": (
        RunSettings,
        {"polling": {"frst_seconds": 5}},
        ("polling", "frst_seconds"),
        "; did you mean 'first_seconds'?",
    ),
    "a scene of a batch": (
        BatchSpec,
        {"scenes": [{"prompt": "A", "nam": "x"}]},
        ("scenes", 0, "nam"),
        "; did you mean 'name'?",
    ),
    "nothing near": (Variant, {"zzz": 1}, ("zzz",), ""),
}


@pytest.mark.parametrize(("kind", "fields", "place", "meant"), MISSPELT.values(), ids=MISSPELT)
def test_an_unknown_field_is_reported_with_the_one_that_was_meant(
    kind: Callable[..., Any], fields: dict[str, Any], place: tuple[str | int, ...], meant: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        kind(**fields)
    [detail] = refused.value.errors()
    assert (detail["type"], detail["loc"]) == ("extra_forbidden", place)
    assert detail["msg"] == f"{UNKNOWN}{meant}"


def test_other_faults_stay_and_no_value_is_shown() -> None:
    signed = "https://media.example/a.png?X-Amz-Signature=5ec2e7"
    fields: dict[str, Any] = {"image_urls": signed, "promt": signed}
    with pytest.raises(ValidationError) as refused:
        Scene(**fields)
    assert [detail["loc"] for detail in refused.value.errors()] == [("image_urls",), ("promt",)]
    assert "5ec2e7" not in str(refused.value)
    assert "5ec2e7" not in str(refused.value.errors())
