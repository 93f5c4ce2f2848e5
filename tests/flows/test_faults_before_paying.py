"""What is wrong with an order is told before anything is paid, all of it in one go."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from pydantic import SecretStr
from tests.processes import ended

from prefect_toapis import S3Credentials, Scene, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.from_spec import agenerate_from_spec
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]
FaultsOf = Callable[[Awaitable[Any]], Awaitable[list[str]]]


@pytest.fixture
def faults_of(simulator: Simulator) -> FaultsOf:
    """The faults of an order that is refused, and never reached the API."""

    async def faults_of(order: Awaitable[Any]) -> list[str]:
        with pytest.raises(InvalidBatch) as refused:
            await order
        assert simulator.ledger.submissions == []
        assert simulator.ledger.unauthorized == 0
        assert "Nothing was spent." in str(refused.value)
        return refused.value.faults

    return faults_of


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no bucket anywhere."""
    for name in ("TOAPIS_API_KEY", "TOAPIS_BASE_URL", "TOAPIS_BUCKET"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "the API key is empty"),
        (" ", "the API key is empty"),
        ("**********", "the API key is masked"),
        ("a key", "white space"),
    ],
)
async def test_a_key_that_can_not_be_one(
    make: Make, faults_of: FaultsOf, key: str, said: str
) -> None:
    [fault] = await faults_of(
        make(["a dog"], credentials=ToAPIsCredentials(api_key=SecretStr(key)))
    )
    assert fault.startswith("credentials: ")
    assert said in fault


async def test_no_key_and_no_bucket(make: Make, faults_of: FaultsOf, nobody: None) -> None:
    key, bucket = await faults_of(make(["a dog"], credentials=None, bucket=None))
    assert key.startswith("credentials: there are none")
    assert "TOAPIS_API_KEY" in key
    assert bucket.startswith("bucket: there is none")
    assert "TOAPIS_BUCKET=s3://name/prefix" in bucket


async def test_a_bucket_that_is_not_there(
    make: Make, faults_of: FaultsOf, aws_bucket: VideoBucket
) -> None:
    missing = VideoBucket(bucket_name="not-there", credentials=aws_bucket.credentials)
    [fault] = await faults_of(make(["a dog"], bucket=missing))
    assert "s3://not-there" in fault
    assert "Create the bucket, or correct its name." in fault


async def test_wrong_keys_for_the_store(
    make: Make, faults_of: FaultsOf, bucket: VideoBucket
) -> None:
    assert bucket.credentials
    wrong = bucket.credentials.model_copy(
        update={"aws_secret_access_key": SecretStr("not-the-secret")}
    )
    stranger = VideoBucket(bucket_name=bucket.bucket_name, credentials=wrong)
    [fault] = await faults_of(make(["a dog"], bucket=stranger))
    assert f"Can't write {stranger.uri('')}" in fault
    assert "Check the credentials named here and the bucket's policy." in fault
    assert "not-the-secret" not in fault


async def test_a_store_that_can_not_be_reached(make: Make, faults_of: FaultsOf) -> None:
    nowhere = S3Credentials(
        aws_access_key_id="a",
        aws_secret_access_key=SecretStr("b"),
        endpoint_url=f"http://127.0.0.1:{free_port()}",
    )
    unreachable = VideoBucket(bucket_name="videos", credentials=nowhere)
    [fault] = await faults_of(make(["a dog"], bucket=unreachable))
    assert "Can't write s3://videos/" in fault
    assert "It is safe to try again later." in fault


async def test_a_bucket_that_may_only_be_read(
    make: Make, faults_of: FaultsOf, reader_of_a_bucket: VideoBucket
) -> None:
    assert reader_of_a_bucket.list_keys() == []  # its keys are good
    [fault] = await faults_of(make(["a dog"], bucket=reader_of_a_bucket))
    assert "Can't write s3://films/" in fault
    assert "AccessDenied" in fault


async def test_a_spec_that_is_not_there(
    faults_of: FaultsOf, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = str(tmp_path / "batch.yaml")
    [fault] = await faults_of(agenerate_from_spec(spec, credentials=credentials, bucket=bucket))
    assert fault.startswith(f"spec {spec}: ")
    assert "there is no such file" in fault


async def test_a_spec_in_the_bucket_that_is_not_there(
    faults_of: FaultsOf, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> None:
    spec = bucket.uri("batch.yaml")
    [fault] = await faults_of(agenerate_from_spec(spec, credentials=credentials, bucket=bucket))
    assert fault == f"spec {spec}: there is no such object"


async def test_a_misspelt_field_and_a_broken_rule_in_one_spec(
    faults_of: FaultsOf, credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = tmp_path / "batch.yaml"
    spec.write_text("scenes: [{prompt: a dog}]\nvariants: [{duration: 12, stile: comic}]\n")
    misspelt, broken = await faults_of(
        agenerate_from_spec(str(spec), credentials=credentials, bucket=bucket)
    )
    assert "variants[0].stile: there is no such field; did you mean 'style'?" in misspelt
    assert "duration=12 with sora-2: choose 10 or 15 seconds" in broken


async def test_plan_key_bucket_and_name_all_in_one_message(
    make: Make, faults_of: FaultsOf, aws_bucket: VideoBucket
) -> None:
    faults = await faults_of(
        make(
            [Scene(name="a", prompt="{hero} runs"), Scene(name="b", prompt="b")],
            variants=[Variant(duration=12), Variant(model="sora-2-pro", hd=True, duration=25)],
            batch="not/a/name",
            credentials=ToAPIsCredentials(api_key=SecretStr("**********")),
            bucket=VideoBucket(bucket_name="not-there", credentials=aws_bucket.credentials),
            max_videos=1,
        )
    )
    for said in (
        "the API key is masked",
        "s3://not-there",
        "batch='not/a/name'",
        "no cast fills {hero}",
        "duration=12 with sora-2",
        "hd=True with sora-2-pro: not together with duration=25",
        "max_videos=1: the plan has 4 videos",
    ):
        assert sum(said in fault for fault in faults) == 1, said
    assert len(faults) == 7


@pytest.mark.parametrize(
    "bad",
    [
        {"variants": []},
        {"scenes": []},
        {"scenes": ["a dog", "a dog"]},
        {"scenes": [Scene(prompt="a dog", image_urls=["data:image/png;base64,AAAA"])]},
    ],
    ids=["no variants", "no scenes", "the same twice", "an image that is no URL"],
)
async def test_a_plan_that_can_not_be_carried_out(
    make: Make, faults_of: FaultsOf, bad: dict[str, Any]
) -> None:
    assert len(await faults_of(make(**{"scenes": ["a dog"]} | bad))) == 1


async def test_a_dry_run_finds_the_faults_too(make: Make, faults_of: FaultsOf) -> None:
    [fault] = await faults_of(make(["a dog"], variants=[Variant(duration=12)], dry_run=True))
    assert "duration=12" in fault


@pytest.fixture(scope="module")
def reader_of_a_bucket() -> Iterator[VideoBucket]:
    """A bucket at a store that knows rights, as a user who may only read it."""
    port = free_port()
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)],
        # So many requests are let through before rights count: those of the set-up.
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "4"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with ended(server):
        yield _reader(f"http://127.0.0.1:{port}")


def _reader(endpoint: str) -> VideoBucket:
    keys: dict[str, Any] = {"aws_access_key_id": "admin", "aws_secret_access_key": "admin"}
    iam = boto3.client("iam", "us-east-1", endpoint_url=endpoint, **keys)
    _until_it_answers(lambda: iam.create_user(UserName="reader"))
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", '
    policy += '"Action": ["s3:GetObject", "s3:ListBucket"]}]}'
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    boto3.client("s3", "us-east-1", endpoint_url=endpoint, **keys).create_bucket(Bucket="films")
    return VideoBucket(
        bucket_name="films",
        credentials=S3Credentials(
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=SecretStr(made["SecretAccessKey"]),
            region_name="us-east-1",
            endpoint_url=endpoint,
        ),
    )


def _until_it_answers(call: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(BotoCoreError):
            call()
            return
        time.sleep(0.05)
    raise TimeoutError("the store doesn't answer")
