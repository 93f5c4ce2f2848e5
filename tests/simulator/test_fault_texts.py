"""Faults as they are typed."""

import re
from pathlib import Path

import pytest

from prefect_toapis.cli.simulator import simulator
from prefect_toapis.simulator import (
    Conflict,
    Defect,
    Delay,
    Drop,
    Fault,
    Hide,
    Partial,
    Refuse,
    Replace,
    Rewrite,
    Trickle,
    Truncate,
)
from prefect_toapis.simulator.fault_texts import ACTIONS, read_fault

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "simulator.md"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("submit:drop", Drop(operation="submit")),
        ("submit:drop:after", Drop(operation="submit", when="after")),
        ("submit:drop:when=after", Drop(operation="submit", when="after")),
        (
            "status:delay:seconds=0.5:prompt=dog",
            Delay(operation="status", seconds=0.5, prompt="dog"),
        ),
        (
            "lookup:refuse:status=404:shape=html:times=all",
            Refuse(operation="lookup", status=404, shape="html", times=None),
        ),
        ("submit:refuse:status=403:code=7", Refuse(operation="submit", status=403, code="7")),
        (
            "media:truncate:at_bytes=10:framing=close:times=3",
            Truncate(at_bytes=10, framing="close", times=3),
        ),
        ("submit:hide:seconds=9:queries=lookup", Hide(seconds=9, queries="lookup")),
        ("submit:partial", Partial()),
        (
            "submit:defect:kind=silent:number=2:times=all",
            Defect(kind="silent", number=2, times=None),
        ),
        ("submit:conflict:first=true:times=all", Conflict(first=True, times=None)),
        ("status:trickle:part=head", Trickle(operation="status", part="head")),
        (
            "status:rewrite:expires_at=0:status=dancing:result=null",
            Rewrite(
                operation="status",
                members={"expires_at": 0, "status": "dancing", "result": None},
            ),
        ),
        (
            '{"action": "replace", "operation": "media", "status": 302, "headers": {"a": "b:c"}}',
            Replace(operation="media", status=302, headers={"a": "b:c"}),
        ),
    ],
)
def test_a_text_is_a_fault(text: str, expected: Fault) -> None:
    assert read_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "operation:action"),
        ("submit", "submit:drop:after"),
        (":drop", "operation:action"),
        ("submit:explode", 'there is no fault "explode"; choose one of conflict, defect, delay'),
        ("walk:drop", "operation"),
        ("submit:hide", "seconds: "),
        ("submit:defect:kind=ugly", "kind: "),
        ("status:defect:kind=silent", "operation: "),
        ("submit:hide:seconds=soon", "seconds: "),
        ("media:drop:sideways", '"sideways" is neither before, after nor NAME=VALUE'),
        ("media:drop:when=later", "when: "),
        ("media:drop:colour=red", "colour: "),
        ("status:drop:times=0", "times: "),
        ("submit:truncate:at_bytes=1", "operation: "),
        ('{"action": "drop"}', "operation: "),
        ("{nonsense", "JSON"),
    ],
)
def test_what_is_no_fault_is_refused_in_plain_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}: ") as refused:
        read_fault(text)
    assert says in str(refused.value)


def test_help_and_reference_name_every_fault() -> None:
    help_text = simulator.__doc__ or ""
    assert f"Actions: {', '.join(ACTIONS)}." in " ".join(help_text.split())
    reference = REFERENCE.read_text(encoding="utf-8")
    classes = ["".join(part.capitalize() for part in action.split("_")) for action in ACTIONS]
    assert not [
        name for name in classes if f"{name}," not in reference and f"{name}]" not in reference
    ]
