"""Where the shots of a running batch are."""

from typing import cast

from prefect import flow

from prefect_toapis.flows.progress import Phase, Progress, watched_flow


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


async def test_a_watched_flow_is_like_the_public_one_with_its_callers_progress() -> None:
    async def implementation(label: str, *, times: int = 1, progress: Progress) -> str:
        progress.set(label, "stored")
        return label * times

    @flow(name="public", flow_run_name="named")
    async def public(label: str, *, times: int = 1) -> str:
        return await implementation(label, times=times, progress=Progress())

    progress = Progress()
    watched = watched_flow(public, implementation, progress)
    assert (watched.name, watched.flow_run_name) == (public.name, public.flow_run_name)
    assert watched.parameters == public.parameters
    assert await watched("a", times=2) == "aa"
    assert progress.phases == {"a": "stored"}
    assert await public("b") == "b"
    assert progress.phases == {"a": "stored"}
