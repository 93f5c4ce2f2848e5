"""This project's `download_video`, in a flow, as many at once as the settings say."""

import asyncio
from datetime import datetime, timezone

from benchmarks.job import Job, given_job
from benchmarks.subjects import ours
from benchmarks.subjects.blocks import bucket_of, credentials_of
from benchmarks.subjects.reporting import measured
from prefect import flow

from prefect_toapis import Generation, adownload_video
from prefect_toapis.client.replies import Output, Reply
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec

assert ours  # it leaves the optional packages out


@flow
async def store_all(job: Job) -> int:
    """Store what lies at the URLs, as the results of so many shots; how many videos that were."""
    credentials, bucket = credentials_of(job), bucket_of(job)
    spec = BatchSpec.model_validate({"scenes": job.prompts, "max_videos": job.shots})
    shots = plan_batch(spec, "transfer", bucket.uri()).shots
    bucket.probe()  # what boto3 loads once is no transfer's
    at_once = asyncio.Semaphore(job.downloads)

    async def store(number: int, url: str) -> int:
        generation = Generation(
            task_id=f"video_{number}",
            business_id=f"business-{number}",
            shot=shots[number],
            submitted_at=datetime.now(timezone.utc),
        ).after(Reply(f"video_{number}", "completed", outputs=(Output(url),)))
        async with at_once:
            return len(await adownload_video(generation, credentials=credentials, bucket=bucket))

    with measured() as told:
        told["videos"] = sum(await asyncio.gather(*map(store, range(job.shots), job.urls)))
    return 0


if __name__ == "__main__":
    asyncio.run(store_all(given_job()))
