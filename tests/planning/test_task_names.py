"""Task ids of any characters have a folder and a place beside their object."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.labels import as_metadata, slug, task_folder


@pytest.mark.parametrize("task_id", ["a-b", "task-1", "7497", "video", "0123456789ab"])
def test_an_id_that_is_a_slug_keeps_its_folder(task_id: str) -> None:
    assert task_folder(task_id) == task_id == slug(task_id)


@pytest.mark.parametrize(
    "ids",
    [
        ["a-b", "A-b", "A/B", "a_b", "a b", "a.b", "a%2Fb", "a/b", "ä-b", "a-b-", "a--b"],
        ["", ".", "..", "/", "//", "?", "日本", "中文", "\x00", "\n", "\ud800"],
        ["x" * 40, "x" * 41, "x" * 1_000, "x" * 100_000],
        ["video_01K8SGYNNNVBQTXNR4MM964S7K", "video_01k8sgynnnvbqtxnr4mm964s7k"],
        ["A/B", task_folder("A/B"), task_folder(task_folder("A/B"))],
    ],
    ids=str,
)
def test_no_two_ids_share_a_folder(ids: list[str]) -> None:
    folders = [task_folder(task_id) for task_id in ids]
    assert len(set(folders)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,64}", folder) for folder in folders)


@given(st.text(), st.text())
def test_different_ids_have_different_folders(one: str, other: str) -> None:
    assert (task_folder(one) == task_folder(other)) == (one == other)
    assert task_folder(task_folder(one)) != task_folder(one) or slug(one) == one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("video_01K8SGYNNNVBQTXNR4MM964S7K", "video_01K8SGYNNNVBQTXNR4MM964S7K"),
        ("a/b:c?d=e&f", "a/b:c?d=e&f"),
        (" a ", "%20a%20"),
        ("ü\r\nx-evil: 1", "%C3%BC%0D%0Ax-evil:%201"),
        ("100%", "100%25"),
        ("\x00\x7f", "%00%7F"),
    ],
)
def test_metadata_is_printable_ascii(text: str, expected: str) -> None:
    assert as_metadata(text) == expected


@given(st.text())
def test_any_text_may_stand_beside_an_object(text: str) -> None:
    kept = as_metadata(text * 100)
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    assert len(kept) <= 1_000
