"""OpenAI's SDK as its documentation has it: `create_and_poll` for each video, then its content."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from benchmarks.job import Job, given_job
from benchmarks.subjects.plain import s3_client
from benchmarks.subjects.reporting import measured
from openai import AsyncOpenAI, OpenAI


class SDKLoop:
    """All videos of a job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.api = AsyncOpenAI(base_url=f"{job.api}/v1", api_key=job.api_key)
        self.content = OpenAI(base_url=f"{job.api}/v1", api_key=job.api_key)
        self.s3 = s3_client(job)
        self.threads = ThreadPoolExecutor(job.downloads)

    async def run(self) -> int:
        """Make them; how many are stored."""
        return len(await asyncio.gather(*map(self.make, self.job.prompts)))

    async def make(self, prompt: str) -> None:
        """Submit, wait, store."""
        every = int(self.job.every * 1000)
        video = await self.api.videos.create_and_poll(  # pyright: ignore[reportDeprecated] - but it runs
            model="sora-2", prompt=prompt, seconds="8", poll_interval_ms=every
        )
        if video.status != "completed":
            raise RuntimeError(str(video.error))
        await asyncio.get_running_loop().run_in_executor(self.threads, self.store, video.id)

    def store(self, video_id: str) -> None:
        """As the documentation does it: the whole video in memory, then into the bucket."""
        with self.content.videos.with_streaming_response.download_content(video_id) as answer:  # pyright: ignore[reportDeprecated] - as above
            content = answer.read()
        self.s3.put_object(
            Bucket=self.job.bucket, Key=f"{video_id}.mp4", Body=content, ContentType="video/mp4"
        )


if __name__ == "__main__":
    with measured() as told:
        told["videos"] = asyncio.run(SDKLoop(given_job()).run())
