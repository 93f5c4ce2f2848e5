"""The picks of a batch."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis import DocumentDamaged, DocumentTooNew
from prefect_toapis.records.picks import LONGEST_NOTE, Output, Pick, Picks, read_picks

URI = "s3://studio/lisbon/picks.json"
OF_THE_PAGE = b'{"batch": "lisbon", "picks": [{"shot": "x2k4", "output": 2, "note": "calm"}]}'


def test_what_the_page_of_a_batch_exports_can_be_read() -> None:
    picks = read_picks(OF_THE_PAGE, "lisbon", URI)
    assert picks.by_output == {Output("x2k4", 2): Pick(shot="x2k4", output=2, note="calm")}


def test_the_document_has_a_version_and_reads_back() -> None:
    picks = Picks(batch="lisbon", picks=(Pick(shot="x2k4", note="calm"), Pick(shot="a7b3")))
    assert json.loads(picks.to_json())["version"] == 1
    assert read_picks(picks.to_json(), "lisbon", URI) == picks


def test_a_video_is_picked_once_and_keeps_its_note() -> None:
    picks = Picks(batch="lisbon").adding([Pick(shot="x2k4", note="calm"), Pick(shot="a7b3")])
    again = picks.adding([Pick(shot="x2k4"), Pick(shot="a7b3", note="loud")])
    assert [(pick.shot, pick.note) for pick in again.picks] == [("x2k4", "calm"), ("a7b3", "loud")]
    assert again.adding([Pick(shot="x2k4", note="")]).by_output[Output("x2k4", 1)].note == ""


def test_only_the_named_output_is_removed() -> None:
    picks = Picks(batch="b").adding([Pick(shot="x2k4"), Pick(shot="x2k4", output=2)])
    assert [pick.output for pick in picks.removing([Output("x2k4", 1)]).picks] == [2]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"[]", "it is not a JSON object"),
        (b'{"batch": "porto"}', "it belongs to batch porto"),
        (b'{"batch": "lisbon", "picks": [{"output": 1}]}', "picks.0.shot: Field required"),
        (b'{"batch": "lisbon", "picks": [{"shot": "a", "output": 0}]}', "picks.0.output"),
        (b'{"batch": "lisbon", "picks": [{"shot": ""}]}', "picks.0.shot"),
        (
            json.dumps(
                {"batch": "lisbon", "picks": [{"shot": "a", "note": "x" * (LONGEST_NOTE + 1)}]}
            ).encode(),
            "picks.0.note",
        ),
    ],
)
def test_what_is_damaged_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(DocumentDamaged, match=why):
        read_picks(content, "lisbon", URI)


def test_picks_of_a_later_version_are_left_alone() -> None:
    with pytest.raises(DocumentTooNew):
        read_picks(b'{"version": 2, "batch": "lisbon", "picks": {}}', "lisbon", URI)


@given(st.binary() | st.text().map(str.encode))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with suppress(DocumentDamaged, DocumentTooNew):
        read_picks(content, "lisbon", URI)
