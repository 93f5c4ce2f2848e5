"""A plain asyncio script: httpx, boto3, no Prefect. What a competent engineer writes in an hour."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import httpx
from benchmarks.job import Job, given_job
from benchmarks.subjects.reporting import measured
from botocore.config import Config


class Hashing:
    """A response that boto3 can read and that is hashed on the way."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.iter_bytes(256 * 1024)
        self._rest = b""
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, or what is left."""
        pieces, missing = [], size
        while missing:
            piece = self._rest or next(self._chunks, b"")
            if not piece:
                break
            pieces.append(piece[:missing])
            self._rest = piece[missing:]
            missing -= len(pieces[-1])
        content = b"".join(pieces)
        self.sha256.update(content)
        return content


def s3_client(job: Job) -> Any:
    """The bucket's."""
    return boto3.client(
        "s3",
        endpoint_url=job.endpoint,
        aws_access_key_id=job.access_key,
        aws_secret_access_key=job.secret_key,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=50,
            request_checksum_calculation="when_required",
        ),
    )


class Script:
    """All videos of a job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.api = httpx.AsyncClient(
            base_url=job.api,
            headers={"Authorization": f"Bearer {job.api_key}"},
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=100),
            timeout=60,
        )
        self.media = httpx.Client(timeout=60)
        self.s3 = s3_client(job)
        self.threads = ThreadPoolExecutor(job.downloads)

    async def run(self) -> list[str]:
        """Make them; the hashes."""
        return await asyncio.gather(*map(self.make, self.job.prompts))

    async def make(self, prompt: str) -> str:
        """Submit, wait, store."""
        order = {"model": "sora-2", "prompt": prompt, "duration": 10}
        answer = await self.api.post("/v1/videos/generations", json=order)
        answer.raise_for_status()
        task_id = answer.json()["id"]
        await asyncio.sleep(self.job.first)
        while True:
            answer = await self.api.get(f"/v1/videos/generations/{task_id}")
            answer.raise_for_status()
            state = answer.json()
            if state["status"] == "failed":
                raise RuntimeError(state["error"])
            if state["status"] == "completed":
                break
            await asyncio.sleep(self.job.every)
        url = state["result"]["data"][0]["url"]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, self.store, url, f"{task_id}.mp4")

    def store(self, url: str, key: str) -> str:
        """From the provider's host to the bucket, in one stream."""
        with self.media.stream("GET", url) as response:
            response.raise_for_status()
            reader = Hashing(response)
            kind = {"ContentType": "video/mp4"}
            self.s3.upload_fileobj(reader, self.job.bucket, key, ExtraArgs=kind)
        return reader.sha256.hexdigest()


if __name__ == "__main__":
    with measured() as told:
        told["videos"] = len(asyncio.run(Script(given_job()).run()))
