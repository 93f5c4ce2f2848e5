"""This project's blocks for a job."""

from benchmarks.job import Job
from pydantic import SecretStr

from prefect_toapis import S3Credentials, ToAPIsCredentials, VideoBucket


def credentials_of(job: Job) -> ToAPIsCredentials:
    """The account at the simulator."""
    return ToAPIsCredentials(
        api_key=SecretStr(job.api_key or "none"), base_url=job.api or job.endpoint
    )


def bucket_of(job: Job) -> VideoBucket:
    """The bucket at the local S3 server."""
    store = S3Credentials(
        aws_access_key_id=job.access_key,
        aws_secret_access_key=SecretStr(job.secret_key),
        region_name="us-east-1",
        endpoint_url=job.endpoint,
        addressing_style="path",
    )
    return VideoBucket(bucket_name=job.bucket, credentials=store)
