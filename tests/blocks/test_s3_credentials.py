"""The block with the credentials for S3."""

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.errors import StoreAccessRefused

KEYS: dict[str, Any] = {
    "aws_access_key_id": "AKIAABCDEFGHIJKL1234",
    "aws_secret_access_key": "very-secret",
}
ROLE = "arn:aws:iam::123456789012:role/videos"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"aws_access_key_id": "AKIA"}, "give both"),
        ({"aws_secret_access_key": "s"}, "give both"),
        ({"aws_session_token": "t"}, "session token needs"),
        ({"endpoint_url": "minio:9000"}, "http\\(s\\) URL"),
        ({"endpoint_url": "https://"}, "http\\(s\\) URL"),
        ({"endpoint_url": "https://user:word@minio"}, "without user"),
        ({"addressing_style": "dns"}, "auto"),
        ({"role_session_name": "has spaces"}, "pattern"),
        ({"role_duration_seconds": 60}, "900"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        S3Credentials(**fields)


def test_empty_fields_of_a_form_are_not_given() -> None:
    fields = dict.fromkeys(
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region_name"), ""
    )
    blank = S3Credentials(**fields, endpoint_url=" ", profile_name="", role_arn="", ca_bundle="")
    assert blank == S3Credentials()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (KEYS, "keys AKIA…1234 given in the block"),
        (KEYS | {"aws_access_key_id": "minio"}, "keys mi… given in the block"),
        (KEYS | {"profile_name": "x"}, "keys AKIA…1234 given in the block"),
        ({"profile_name": "studio"}, "profile studio"),
        ({}, "boto3's own chain (found none)"),
        (
            KEYS | {"role_arn": ROLE},
            f"role {ROLE} assumed by keys AKIA…1234 given in the block",
        ),
    ],
)
def test_the_credentials_in_use_are_described(fields: dict[str, Any], expected: str) -> None:
    assert S3Credentials(**fields).describe() == expected


def test_the_chain_says_what_it_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aws-credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    assert S3Credentials().describe().endswith("(found: the shared credentials file)")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert S3Credentials().describe().endswith("(found: environment variables)")
    monkeypatch.setenv("AWS_PROFILE", "gone")
    assert "(broken: The config profile (gone)" in S3Credentials().describe()


def test_secrets_are_never_shown() -> None:
    block = S3Credentials(**KEYS, aws_session_token=SecretStr("secret-token"))
    shown = f"{block!r} {block} {block.model_dump_json()} {block.describe()}"
    assert "very-secret" not in shown
    assert "secret-token" not in shown


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (KEYS | {"aws_secret_access_key": "*" * 10}, "secret access key is masked"),
        (KEYS | {"aws_session_token": "*" * 10}, "session token is masked"),
        ({"ca_bundle": "/no/such/file.pem"}, "no CA bundle /no/such/file.pem"),
    ],
)
def test_no_client_is_made_of_what_cannot_work(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreAccessRefused, match=message):
        S3Credentials(**fields).get_client()


def test_the_client_is_set_up_for_the_work() -> None:
    client = S3Credentials(**KEYS, region_name="eu-central-1", addressing_style="path").get_client()
    config: Any = client.meta.config
    assert client.meta.region_name == "eu-central-1"
    assert config.retries["mode"] == "standard"
    assert config.max_pool_connections >= 32
    assert (config.connect_timeout, config.read_timeout) == (10, 60)
    assert config.s3["addressing_style"] == "path"
    assert "prefect-toapis/" in config.user_agent_extra
    assert config.request_checksum_calculation == "when_supported"


OWN = "https://minio.example:9000"
SERVICES = f"[services stores]\ns3 =\n  endpoint_url = {OWN}\n"
CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")


def checksums(client: Any) -> tuple[str, str]:
    return tuple(getattr(client.meta.config, name) for name in CHECKSUMS)


@pytest.mark.parametrize(
    ("fields", "environment", "config", "own"),
    [
        ({}, {}, "", False),
        ({"endpoint_url": OWN}, {}, "", True),
        ({}, {"AWS_ENDPOINT_URL": OWN}, "", True),
        ({}, {"AWS_ENDPOINT_URL_S3": OWN}, "", True),
        ({}, {"AWS_ENDPOINT_URL_STS": OWN}, "", False),
        ({}, {}, f"[default]\nendpoint_url = {OWN}\n", True),
        ({}, {}, f"[default]\nservices = stores\n{SERVICES}", True),
        ({}, {}, f"[default]\n{SERVICES}", False),
        ({}, {}, f"[default]\nservices = stores\n{SERVICES.replace('s3 =', 'sts =')}", False),
        ({"profile_name": "own"}, {}, f"[profile own]\nendpoint_url = {OWN}\n", True),
        ({"profile_name": "own"}, {}, f"[profile own]\nservices = stores\n{SERVICES}", True),
        ({}, {}, f"[profile own]\nendpoint_url = {OWN}\n", False),
        ({}, {"AWS_PROFILE": "own"}, f"[profile own]\nendpoint_url = {OWN}\n", True),
        ({}, {"AWS_ENDPOINT_URL": OWN, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "", False),
        (
            {},
            {},
            f"[default]\nignore_configured_endpoint_urls = true\nendpoint_url = {OWN}\n",
            False,
        ),
        ({"endpoint_url": OWN}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "", True),
    ],
)
def test_a_store_of_ones_own_gets_no_extra_checksums_wherever_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fields: dict[str, str],
    environment: dict[str, str],
    config: str,
    *,
    own: bool,
) -> None:
    (tmp_path / "aws-config").write_text(config)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = S3Credentials(**KEYS, region_name="eu-central-1", **fields).get_client()
    assert (client.meta.endpoint_url == OWN) is own
    assert checksums(client) == (("when_required",) * 2 if own else ("when_supported",) * 2)


@pytest.mark.parametrize("value", ["when_supported", "when_required"])
@pytest.mark.parametrize("place", ["environment", "config"])
@pytest.mark.parametrize("own", [True, False])
def test_a_setting_that_the_user_made_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, place: str, *, own: bool
) -> None:
    if place == "environment":
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", value)
    else:
        (tmp_path / "aws-config").write_text(f"[default]\nrequest_checksum_calculation = {value}\n")
    client = S3Credentials(**KEYS, endpoint_url=OWN if own else None).get_client()
    usual = "when_required" if own else "when_supported"
    assert checksums(client) == (value, usual)


def test_a_profile_gives_keys_and_region(tmp_path: Path, s3_server: S3Credentials) -> None:
    assert s3_server.aws_secret_access_key is not None
    (tmp_path / "aws-config").write_text(
        "[profile studio]\nregion = eu-west-1\n"
        f"aws_access_key_id = {s3_server.aws_access_key_id}\n"
        f"aws_secret_access_key = {s3_server.aws_secret_access_key.get_secret_value()}\n"
    )
    client = S3Credentials(
        profile_name="studio", endpoint_url=s3_server.endpoint_url, addressing_style="path"
    ).get_client()
    assert client.meta.region_name == "eu-west-1"
    assert client.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_role_is_assumed(
    monkeypatch: pytest.MonkeyPatch, moto_server: S3Credentials, aws_bucket: VideoBucket
) -> None:
    assert moto_server.endpoint_url is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_server.endpoint_url)
    role = moto_server.model_copy(update={"role_arn": ROLE})
    bucket = VideoBucket(bucket_name=aws_bucket.bucket_name, credentials=role)
    assert bucket.probe().conditional_create


def test_a_role_without_credentials_to_assume_it_is_refused() -> None:
    bucket = VideoBucket(bucket_name="videos", credentials=S3Credentials(role_arn=ROLE))
    with pytest.raises(StoreAccessRefused, match="found none"):
        bucket.probe()


class ShortLivedKeys(BaseHTTPRequestHandler):
    """STS whose keys are about to expire, and an S3 that has every object; both keep a diary."""

    assumed: list[str]
    signed_with: list[str]

    def do_POST(self) -> None:
        self.assumed.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        soon = datetime.now(timezone.utc) + timedelta(minutes=1)
        self._answer(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>TEMPORARY{len(self.assumed)}</AccessKeyId>"
            "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
            f"<Expiration>{soon:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )

    def do_GET(self) -> None:
        self.signed_with.append(self.headers["Authorization"].partition("=")[2].partition("/")[0])
        self._answer("content")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


def test_the_keys_of_a_role_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(ShortLivedKeys):
        assumed: list[str] = []  # noqa: RUF012 - a class is made for this test
        signed_with: list[str] = []  # noqa: RUF012 - as above

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint)
    credentials = S3Credentials(
        **KEYS,
        role_arn=ROLE,
        role_external_id="studio-7",
        role_duration_seconds=900,
        endpoint_url=endpoint,
    )
    bucket = VideoBucket(bucket_name="videos", credentials=credentials)
    try:
        assert bucket.read("a") == b"content"
        assert bucket.read("b") == b"content"
    finally:
        server.shutdown()
        server.server_close()
    first, second = Handler.signed_with
    assert first.startswith("TEMPORARY")
    assert first != second
    assert "ExternalId=studio-7" in Handler.assumed[0]
    assert "RoleSessionName=prefect-toapis" in Handler.assumed[0]
    assert "DurationSeconds=900" in Handler.assumed[0]


def test_boto3_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, prefect_toapis.blocks as b; b.VideoBucket.from_uri('s3://studio/videos'); "
        "print([name for name in ('boto3', 'botocore', 's3transfer') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
