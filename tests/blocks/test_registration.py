"""The blocks at a real Prefect server."""

import os
import subprocess
import sys
from uuid import UUID

import pytest
from prefect import flow, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME
from pydantic import SecretStr

from prefect_toapis.blocks import S3Credentials, ToAPIsCredentials, VideoBucket

BLOCKS = [ToAPIsCredentials, S3Credentials, VideoBucket]


@pytest.fixture(scope="module", autouse=True)
def registered(prefect_server: None) -> str:
    """What the command says that registers the blocks at the server of these tests."""
    api_url = PREFECT_API_URL.value()
    assert api_url  # without it the command would fall back to the user's own server
    said = ""
    for _ in range(2):  # the second time updates what is there
        said = subprocess.run(
            [sys.executable, "-m", "prefect", "block", "register", "-m", "prefect_toapis"],
            env={
                **os.environ,
                "PREFECT_API_URL": api_url,
                "PREFECT_HOME": str(PREFECT_HOME.value()),
            },
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
    return said


def test_all_three_are_registered(registered: str) -> None:
    assert "registered 3 blocks" in registered
    for name in ("ToAPIs Credentials", "S3 Credentials (ToAPIs)", "Video Bucket"):
        assert name in registered


@pytest.mark.parametrize("block", BLOCKS)
def test_the_catalogue_shows_description_and_example(
    block: type[ToAPIsCredentials | S3Credentials | VideoBucket],
) -> None:
    with get_client(sync_client=True) as client:
        shown = client.read_block_type_by_slug(block.get_block_type_slug())
    assert shown.description
    assert "Args" not in shown.description
    assert "Example" not in shown.description
    assert shown.code_example
    assert shown.code_example.lstrip().startswith("```python")
    assert "from prefect_toapis import" in shown.code_example


@pytest.mark.parametrize("block", BLOCKS)
def test_every_field_of_the_form_has_a_title(
    block: type[ToAPIsCredentials | S3Credentials | VideoBucket],
) -> None:
    assert all(field.title for field in block.model_fields.values())


def test_secrets_are_secret_fields() -> None:
    assert ToAPIsCredentials.model_json_schema()["secret_fields"] == ["api_key"]
    assert S3Credentials.model_json_schema()["secret_fields"] == [
        "aws_secret_access_key",
        "aws_session_token",
    ]
    assert "credentials.aws_secret_access_key" in VideoBucket.model_json_schema()["secret_fields"]


def test_the_key_comes_back() -> None:
    saved = ToAPIsCredentials(api_key=SecretStr("sk-1"), base_url="https://toapis.com/v1")
    saved.save("key")
    loaded = ToAPIsCredentials.load("key")
    assert isinstance(loaded, ToAPIsCredentials)
    assert loaded.api_key.get_secret_value() == "sk-1"
    assert loaded.base_url == "https://toapis.com/v1"


@pytest.mark.parametrize("credentials", ["none", "own", "saved"])
def test_a_bucket_comes_back_with_its_credentials(
    credentials: str, s3_server: S3Credentials
) -> None:
    given = None if credentials == "none" else s3_server.model_copy()
    if given and credentials == "saved":
        given.save("store")
    bucket = VideoBucket(
        bucket_name="studio",
        prefix="a",
        credentials=given,
        sse="AES256",
        tags={"a": "b"},
        storage_class="STANDARD_IA",
    )
    bucket.save(f"bucket-{credentials}")
    loaded = VideoBucket.load(f"bucket-{credentials}")
    assert isinstance(loaded, VideoBucket)
    assert loaded.model_dump(exclude={"credentials"}) == bucket.model_dump(exclude={"credentials"})
    assert (loaded.credentials is None) == (given is None)
    if loaded.credentials and given:
        assert loaded.credentials.aws_secret_access_key == given.aws_secret_access_key
        assert loaded.credentials.endpoint_url == given.endpoint_url


def test_a_used_bucket_can_be_saved_and_the_loaded_one_works(bucket: VideoBucket) -> None:
    bucket.write("a", b"1", "text/plain")
    bucket.save("used")
    loaded = VideoBucket.load("used")
    assert isinstance(loaded, VideoBucket)
    assert loaded.read("a") == b"1"


def test_a_block_that_a_retry_would_find_masked_is_noticed() -> None:
    @flow
    def takes_a_block(credentials: ToAPIsCredentials) -> None:
        """Does nothing with it."""

    @flow
    def takes_it() -> UUID:
        state = takes_a_block(ToAPIsCredentials(api_key=SecretStr("sk-real")), return_state=True)
        assert state.state_details.flow_run_id
        return state.state_details.flow_run_id

    run_id = takes_it()
    with get_client(sync_client=True) as client:
        kept = client.read_flow_run(run_id).parameters["credentials"]
    assert "sk-real" not in str(kept)
    problem = ToAPIsCredentials(**kept).problem()
    assert problem is not None
    assert "masked" in problem
