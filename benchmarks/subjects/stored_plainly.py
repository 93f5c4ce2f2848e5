"""The barest way: httpx streams into boto3's `upload_fileobj`, hashed on the way, in threads."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.job import given_job
from benchmarks.subjects.plain import Script
from benchmarks.subjects.reporting import measured

if __name__ == "__main__":
    script = Script(given_job())
    script.s3.list_objects_v2(Bucket=script.job.bucket)  # what boto3 loads once is no transfer's
    with measured() as told, ThreadPoolExecutor(script.job.downloads) as threads:
        keys = [f"video-{number}.mp4" for number in range(script.job.shots)]
        told["videos"] = len(list(threads.map(script.store, script.job.urls, keys)))
