"""The usual Prefect way: three tasks, `.submit`, the default task runner, a sleep loop a video."""

import threading
import time
from functools import cache

import httpx
from benchmarks.job import given_job
from benchmarks.subjects.plain import Hashing, s3_client
from benchmarks.subjects.reporting import measured
from prefect import flow, task

JOB = given_job()
S3 = s3_client(JOB)  # made once: making clients is not thread-safe
AT_ONCE = threading.BoundedSemaphore(JOB.downloads)


@cache
def api() -> httpx.Client:
    """The provider's."""
    headers = {"Authorization": f"Bearer {JOB.api_key}"}
    return httpx.Client(base_url=JOB.api, headers=headers, timeout=60)


@task(retries=2)
def submit(prompt: str) -> str:
    """Buy one."""
    order = {"model": "sora-2", "prompt": prompt, "duration": 10}
    answer = api().post("/v1/videos/generations", json=order)
    answer.raise_for_status()
    task_id: str = answer.json()["id"]
    return task_id


@task(retries=2)
def wait(task_id: str) -> str:
    """Until it is rendered."""
    time.sleep(JOB.first)
    while True:
        answer = api().get(f"/v1/videos/generations/{task_id}")
        answer.raise_for_status()
        state = answer.json()
        if state["status"] == "failed":
            raise RuntimeError(state["error"])
        if state["status"] == "completed":
            url: str = state["result"]["data"][0]["url"]
            return url
        time.sleep(JOB.every)


@task(retries=2)
def store(url: str, key: str) -> str:
    """From the provider's host to the bucket, in one stream."""
    with AT_ONCE, httpx.stream("GET", url, timeout=60) as response:
        response.raise_for_status()
        reader = Hashing(response)
        kind = {"ContentType": "video/mp4"}
        S3.upload_fileobj(reader, JOB.bucket, key, ExtraArgs=kind)
    return reader.sha256.hexdigest()


@flow
def usual() -> list[str]:
    """All of them."""
    api()
    urls = [
        wait.submit(submit.submit(prompt))  # type: ignore[call-overload] # Prefect takes futures
        for prompt in JOB.prompts
    ]
    stored = [store.submit(url, f"{number}.mp4") for number, url in enumerate(urls)]
    return [one.result() for one in stored]


if __name__ == "__main__":
    with measured() as told:
        told["videos"] = len(usual())
