"""This project: `generate_videos`."""

import asyncio
import sys

# The plain installation has neither: with PyAV every video would be decoded for a poster, with
# pyarrow the manifest written as Parquet too, and no other subject does that.
for extra in ("av", "pyarrow"):
    sys.modules[extra] = None  # type: ignore[assignment]

from benchmarks.job import Job, given_job  # noqa: E402
from benchmarks.subjects.blocks import bucket_of, credentials_of  # noqa: E402
from benchmarks.subjects.reporting import measured  # noqa: E402

from prefect_toapis import LimitSettings, RunSettings, Scene, Variant, agenerate_videos  # noqa: E402


async def make(job: Job) -> int:
    """All videos of a job; how many are stored."""
    manifest = await agenerate_videos(
        [Scene(name=f"scene-{n}", prompt=prompt) for n, prompt in enumerate(job.prompts)],
        [Variant(duration=10)],
        batch="benchmark",
        credentials=credentials_of(job),
        bucket=bucket_of(job),
        max_videos=job.shots,
        settings=RunSettings(
            limits=LimitSettings(
                account_group=job.group,
                concurrent_downloads=job.downloads,
                max_in_flight=max(job.shots, 500),
            )
        ),
    )
    return len(manifest.stored)


if __name__ == "__main__":
    with measured() as told:
        told["videos"] = asyncio.run(make(given_job()))
