"""Opens a bucket with obstore as boto3 would: its address, region, credentials and certificates."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from prefect_toapis.blocks.bucket_rules import PutSettings
from prefect_toapis.errors import StoreError

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_s3 import S3Client
    from obstore.store import ClientConfig, S3Config, S3Credential, S3Store

CONNECT_SECONDS, READ_SECONDS = 10, 60
RETRIES = 3
"""How often a request is retried that may be sent twice, with boto3 and obstore alike."""

_REQUEST_SECONDS = 600
_REGION = "x-amz-bucket-region"
# obstore would read them from environment variables of its own, such as AWS_SKIP_SIGNATURE.
_NOT_FROM_THE_ENVIRONMENT: "S3Config" = {
    "conditional_put": "etag",
    "disable_tagging": False,
    "request_payer": False,
    "s3_express": False,
    "skip_signature": False,
    "sse_bucket_key_enabled": False,
    "unsigned_payload": False,
}


class S3Connection(NamedTuple):
    """A boto3 client, and what obstore needs to know besides.

    Attributes:
        client: With the settings of the credentials block.
        session: Whose credentials it signs with.
        ca_bundle: Path of a file with certificate authorities; None: the system's.
        own_endpoint: Whether the store is one of the user's own, rather than AWS.
    """

    client: "S3Client"
    session: "Session"
    ca_bundle: str | None
    own_endpoint: bool


class CredentialProvider:
    """Gives obstore the credentials of a session, which botocore renews.

    Args:
        session: With keys, a profile, a role or botocore's default chain.

    Attributes:
        error: What the last call raised: obstore's own error has only its text.
    """

    def __init__(self, session: "Session") -> None:
        self.error: Exception | None = None
        self._session = session

    def __call__(self) -> "S3Credential":
        """Return the present credentials; called by obstore, in a thread of its own."""
        self.error = None
        try:
            return self._present()
        except Exception as error:
            self.error = error
            raise

    def _present(self) -> "S3Credential":
        from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - 0.4 s, so only when needed

        credentials = self._session.get_credentials()
        frozen = credentials.get_frozen_credentials() if credentials else None
        if not (frozen and frozen.access_key and frozen.secret_key):
            raise NoCredentialsError
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            # So that it asks for each request: botocore knows when to renew them.
            "expires_at": datetime.now(timezone.utc),
        }


def check_not_forked() -> None:
    """Check that obstore works in this process: its threads don't survive a fork.

    Raises:
        StoreError: The process was forked after obstore was used; a request would hang.
    """
    if _first_user() != os.getpid():
        raise StoreError(
            "S3 was used before this process was forked, and can't be used in it",
            advice='Start processes with multiprocessing.get_context("spawn"), or use S3 in them '
            "alone.",
        )


@cache
def _first_user() -> int:
    return os.getpid()


def bucket_region(client: "S3Client", bucket: str) -> str | None:
    """Ask S3 for the region of a bucket; None if it doesn't say.

    S3 answers even if the bucket may not be listed, or is in another region
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html).

    Raises:
        botocore.exceptions.BotoCoreError: S3 can't be reached, or there are no credentials.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - 0.4 s, so only when needed

    try:
        meta = client.head_bucket(Bucket=bucket)["ResponseMetadata"]
    except ClientError as error:
        return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(_REGION)
    return meta["HTTPHeaders"].get(_REGION)


class StoreOpener:
    """Opens a bucket, once for each kind of request.

    Args:
        connection: Decides where the bucket is, and how it is signed for.
        bucket: Its name.
        settings: Encryption of written objects; the rest is given with each of them.

    Raises:
        botocore.exceptions.BotoCoreError: There are no credentials.
    """

    def __init__(self, connection: S3Connection, bucket: str, settings: PutSettings) -> None:
        self.provider = CredentialProvider(connection.session)
        self._connection = connection
        self._bucket = bucket
        # botocore knows the rules of addressing styles; only the address is taken of the link.
        place = {"Bucket": bucket, "Key": "key"}
        link = urlsplit(connection.client.generate_presigned_url("get_object", Params=place))
        self._scheme = link.scheme
        self._config: S3Config = {
            **_NOT_FROM_THE_ENVIRONMENT,
            "aws_endpoint_url_s3": f"{link.scheme}://{link.netloc}",
            "virtual_hosted_style_request": link.path == "/key",
            "region": connection.client.meta.region_name,
        }
        if not connection.own_endpoint:  # many other stores refuse checksums
            self._config["checksum_algorithm"] = "SHA256"
        if settings.sse:
            self._config["server_side_encryption"] = settings.sse
        if settings.kms_key_id:
            self._config["sse_kms_key_id"] = settings.kms_key_id

    def open(self, retries: int, headers: Mapping[str, str]) -> "S3Store":
        """Open the bucket.

        Args:
            retries: How often a request is sent again; 0 for requests that mustn't be.
            headers: Sent with each request.

        Raises:
            OSError: The CA bundle can't be read.
        """
        from obstore.store import S3Store  # noqa: PLC0415 - 15 MB, so only when needed

        longest = timedelta(seconds=_REQUEST_SECONDS)
        return S3Store(
            self._bucket,
            config=self._config,
            client_options=_client_options(self._connection, self._scheme, headers),
            retry_config={"max_retries": retries, "retry_timeout": longest},
            credential_provider=self.provider,
        )


def _client_options(
    connection: S3Connection, scheme: str, headers: Mapping[str, str]
) -> "ClientConfig":
    options: ClientConfig = {
        "allow_http": scheme == "http",
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        "timeout": timedelta(seconds=_REQUEST_SECONDS),
        "user_agent": f"prefect-toapis/{version('prefect-toapis')}",
        "default_headers": dict(headers),
    }
    if scheme == "https":
        options["root_certificate"] = _authorities(connection.ca_bundle)
    return options


def _authorities(ca_bundle: str | None) -> bytes:
    """Return the certificate authorities that boto3 trusts, too."""
    import certifi  # noqa: PLC0415 - only needed with TLS

    return Path(ca_bundle or certifi.where()).read_bytes()
