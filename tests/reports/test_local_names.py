"""File names of downloaded videos."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.reports.local_names import local_names
from prefect_toapis.reports.manifest import Manifest, ManifestRow


def row(shot: str, scene: str, variant: str = "wide", output: int = 1, **more: Any) -> ManifestRow:
    known: dict[str, Any] = {
        "batch": "b",
        "shot_id": shot,
        "scene": scene,
        "variant": variant,
        "output": output,
        "status": "stored",
        "key": f"b/{shot}/video-{output}.mp4",
        "model": "sora-2",
        "prompt": "",
    }
    return ManifestRow(**{**known, **more})


def names(*rows: ManifestRow) -> list[str]:
    return list(local_names(Manifest(batch="b", uri="s3://studio/b", rows=list(rows))).values())


def test_a_name_says_what_the_video_is() -> None:
    assert names(
        row("a", "tram", cast="Turbo"),
        row("b", "tram", take=2),
        row("c", "market"),
        row("c", "market", output=2, key="b/c/video-2.webm"),
    ) == ["tram-wide-turbo.mp4", "tram-wide-take-2.mp4", "market-wide.mp4", "market-wide-2.webm"]


def test_shots_whose_labels_give_one_name_are_told_apart_by_their_ids() -> None:
    assert names(row("a2", "Café"), row("b3", "cafe"), row("c4", "tram")) == [
        "cafe-wide-a2.mp4",
        "cafe-wide-b3.mp4",
        "tram-wide.mp4",
    ]


def test_the_shot_of_the_plan_has_the_plain_name() -> None:
    assert names(row("a2", "tram", in_plan=False), row("b3", "tram")) == [
        "tram-wide-a2.mp4",
        "tram-wide.mp4",
    ]


def test_no_name_is_that_of_a_device_or_empty() -> None:
    assert names(
        row("a", "CON", variant=""), row("b", "lpt1", variant=""), row("c", "東京", variant="")
    ) == ["video-con.mp4", "video-lpt1.mp4", "video.mp4"]


def test_labels_that_look_like_a_number_of_an_output_stay_apart() -> None:
    found = names(row("a", "x"), row("a", "x", output=2), row("b", "x", variant="wide-2"))
    assert len(set(found)) == 3


@given(
    st.lists(
        st.tuples(
            st.text(max_size=60), st.text(max_size=60), st.integers(1, 3), st.sampled_from("abcd")
        ),
        max_size=12,
        unique_by=lambda each: (each[2], each[3]),
    )
)
def test_names_of_any_labels_are_distinct_and_stay_in_their_folder(
    given: list[tuple[str, str, int, str]],
) -> None:
    found = names(*[row(shot, scene, variant, output) for scene, variant, output, shot in given])
    assert len(set(found)) == len(given)
    for name in found:
        assert name.isascii()
        assert name == name.lower()
        assert not set(name) & set('/\\:*?"<>| ')
        assert not name.startswith((".", "-"))
        assert len(name) < 150
