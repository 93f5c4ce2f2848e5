"""Where the shots of a running batch are."""

import asyncio
from typing import cast

from prefect_toapis.batches.progress import Phase, Progress, current_progress, showing


def test_it_counts_the_shots_in_each_phase() -> None:
    progress = Progress()
    progress.set("a", "waiting")
    progress.set("b", "waiting")
    progress.set("a", "rendering", 40)
    assert progress.counts() == {"waiting": 1, "rendering": 1}
    assert progress.percent == {"a": 40, "b": 0}
    assert list(progress.phases) == ["a", "b"]


def test_it_tells_in_words_in_the_order_in_which_shots_pass() -> None:
    progress = Progress()
    for label, phase in {"a": "stored", "b": "failed", "c": "rendering", "d": "waiting"}.items():
        progress.set(label, cast("Phase", phase))
    assert progress.in_words == ("2 of 4 shots done: 1 waiting, 1 rendering, 1 stored, 1 failed")


def test_it_measures_a_shot_from_its_submission_until_it_is_stored() -> None:
    now = [100.0]
    progress = Progress(clock=lambda: now[0])
    progress.set("a", "stored")  # by an earlier run
    progress.set("b", "queued")
    now[0] = 130
    progress.set("b", "queued")
    progress.set("b", "rendering", 50)
    now[0] = 160
    progress.set("b", "stored")
    assert (progress.began, progress.took) == ({"b": 100}, {"b": 60})


def test_who_shows_progress_is_told_and_afterwards_no_more() -> None:
    with showing(Progress()) as outer:
        assert current_progress() is outer
        with showing(Progress()) as inner:
            assert current_progress() is inner
        assert current_progress() is outer
    assert current_progress() is not outer


def test_where_nobody_shows_it_nothing_is_shared() -> None:
    current_progress().set("a", "stored")
    assert current_progress() == Progress()


async def test_tasks_that_start_within_it_are_shown() -> None:
    async def work(label: str) -> None:
        current_progress().set(label, "stored")

    with showing(Progress()) as progress:
        await asyncio.gather(asyncio.create_task(work("a")), asyncio.to_thread(_stored, "b"))
    assert progress.counts() == {"stored": 2}


def _stored(label: str) -> None:
    current_progress().set(label, "stored")
