"""The Prefect blocks: credentials of the account, and the bucket for the videos."""

from prefect_toapis.blocks.bucket_store import BucketStore
from prefect_toapis.blocks.media_files import read_object
from prefect_toapis.blocks.object_requests import StoredObject
from prefect_toapis.blocks.s3_client import StoreCapabilities
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.toapis_credentials import ToAPIsCredentials
from prefect_toapis.blocks.video_bucket import VideoBucket
from prefect_toapis.records import store

store.register("s3", read_object)  # for Manifest.load

__all__ = [
    "BucketStore",
    "S3Credentials",
    "StoreCapabilities",
    "StoredObject",
    "ToAPIsCredentials",
    "VideoBucket",
]
