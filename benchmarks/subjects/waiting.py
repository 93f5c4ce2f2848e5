"""This project, with everything submitted and nothing done: what waiting costs."""

import asyncio
import json
import os
import time
from pathlib import Path
from statistics import mean, quantiles

from benchmarks.job import Job, given_job, report_path
from benchmarks.subjects.blocks import bucket_of, credentials_of
from benchmarks.subjects.reporting import measured, memory

from prefect_toapis.client.account import in_background
from prefect_toapis.flows.from_spec import generation_flow
from prefect_toapis.flows.progress import Progress

_STEP = 0.01  # seconds
_LEAST = 30.0  # seconds to look at what waits


async def all_wait(progress: Progress, shots: int) -> None:
    """Until each is submitted, or its submission failed."""
    # Nothing tells of it.
    while len(progress.phases) < shots or progress.counts()["waiting"]:  # noqa: ASYNC110 - as said
        await asyncio.sleep(0.5)


def under_way(progress: Progress) -> float:
    """For how long the shots have been under way, on average, in seconds."""
    return progress.clock() - mean(progress.began.values())


async def late(seconds: float) -> float:
    """How late this loop comes to what is due, in seconds: 99 of 100 times less than that."""
    lags, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await asyncio.sleep(_STEP)
        lags.append(time.perf_counter() - began - _STEP)
    return quantiles(lags, n=100)[-1]


def write_spec(job: Job, spec: Path) -> None:
    """As a file: thousands of scenes are more than Prefect takes as parameters."""
    settings = {"limits": {"account_group": job.group, "max_in_flight": job.shots}}
    content = {
        "scenes": [
            {"name": f"scene-{n}", "prompt": prompt} for n, prompt in enumerate(job.prompts)
        ],
        "variants": [{"duration": 10}],
        "batch": "benchmark",
        "max_videos": job.shots,
        "settings": settings,
    }
    spec.write_text(json.dumps(content))


async def watch(job: Job) -> None:
    """Submit, look until shots have waited for as long as the job says, and leave them."""
    progress = Progress()
    with measured() as told:
        spec = report_path().with_name("spec.json")
        write_spec(job, spec)
        blocks = {"credentials": credentials_of(job), "bucket": bucket_of(job)}
        batch = asyncio.ensure_future(generation_flow(progress)(str(spec), **blocks))
        done, _ = await asyncio.wait(
            {batch, asyncio.create_task(all_wait(progress, job.shots))},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if batch in done:
            raise RuntimeError("it ended too early") from batch.exception()
        cpu, began = time.process_time(), time.perf_counter()
        told["submitting"] = max(progress.began.values()) - min(progress.began.values())
        told["failed"] = progress.ended
        left = max(job.watch - under_way(progress), _LEAST)
        here, there = await asyncio.gather(late(left), in_background(late(left)))
        told["late"] = {"flow": here, "background": there}
        told["waiting_cpu"] = (time.process_time() - cpu) / (time.perf_counter() - began)
        told["under_way"] = under_way(progress)
        told["memory"] = memory("VmRSS") - told["idle"]
    os._exit(0)  # ending thousands of tasks is not looked at


if __name__ == "__main__":
    asyncio.run(watch(given_job()))
