"""Where the shots of a running batch are."""

import asyncio

from prefect_toapis.batches.progress import Progress, current_progress, showing


def test_it_counts_the_shots_in_each_phase() -> None:
    progress = Progress()
    progress.set("a", "waiting")
    progress.set("b", "waiting")
    progress.set("a", "rendering", 40)
    assert progress.counts() == {"waiting": 1, "rendering": 1}
    assert progress.percent == {"a": 40, "b": 0}
    assert list(progress.phases) == ["a", "b"]


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
