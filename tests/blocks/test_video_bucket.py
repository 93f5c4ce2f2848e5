"""The block for the bucket that contains the videos."""

import copy
import io
import pickle
import random
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.blocks.s3_errors import error_code
from prefect_toapis.blocks.streaming import PART
from prefect_toapis.blocks.video_bucket import PROBE_KEY
from prefect_toapis.errors import StoreAccessRefused, StoreError, StoreMissing, StoreUnavailable


class Zeros:
    """So many zeros, a few at a time; raises when it has given `until`."""

    def __init__(self, size: int, until: int | None = None) -> None:
        self.left = size
        self.fails_at = None if until is None else size - until

    def read(self, size: int, /) -> bytes:
        if self.fails_at is not None and self.left <= self.fails_at:
            raise LookupError("the reader's own error")
        count = min(size, 100_000, self.left)
        self.left -= count
        return bytes(count)


# The form


@pytest.mark.parametrize(
    "name", ["abc", "studio-videos", "my.bucket.01", "0videos9", "a" * 63, "videos-s3alias"]
)
def test_names_of_buckets_are_taken(name: str) -> None:
    assert VideoBucket(bucket_name=name).bucket_name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "3 to 63"),
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("Videos", "lower-case"),
        ("my_videos", "lower-case"),
        ("-videos", "both ends"),
        ("videos.", "both ends"),
        ("my..videos", "single dots"),
        ("192.168.0.1", "IP address"),
        ("videos\n", "3 to 63"),
        ("s3://videos/x", "from_uri"),
        ("videos/x", "give only the bucket's name"),
    ],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VideoBucket(bucket_name=name)


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [
        ("", ""),
        ("/", ""),
        ("a", "a"),
        ("/a/b/", "a/b"),
        ("a//b", "a/b"),
        (" a ", "a"),
        ("a..b/.c", "a..b/.c"),
        ("Filme/März", "Filme/März"),
    ],
)
def test_a_prefix_is_normalised(prefix: str, kept: str) -> None:
    assert VideoBucket(bucket_name="videos", prefix=prefix).prefix == kept


@pytest.mark.parametrize("prefix", ["..", "a/../b", "a/.", "a\nb", "a\x00", "a\x7fb"])
def test_a_prefix_that_would_mislead_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        VideoBucket(bucket_name="videos", prefix=prefix)


@given(
    st.lists(
        st.text("abc-._ ", min_size=1).filter(lambda part: part.strip() not in {"", ".", ".."})
    )
)
def test_normalising_twice_changes_nothing(parts: list[str]) -> None:
    once = VideoBucket(bucket_name="videos", prefix="/".join(parts)).prefix
    assert VideoBucket(bucket_name="videos", prefix=once).prefix == once


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kms_key_id": "k"}, "only used with"),
        ({"kms_key_id": "k", "sse": "AES256"}, "only used with"),
        ({"sse": "rot13"}, "AES256"),
        ({"storage_class": "DEEP_ARCHIVE"}, "STANDARD"),
        ({"canned_acl": "everyone"}, "private"),
        ({"tags": {str(number): "x" for number in range(11)}}, "exceed S3's limit of 10"),
        ({"tags": {"": "x"}}, "1 to 128"),
        ({"tags": {"x": "y" * 257}}, "up to 256"),
        ({"tags": {"x": "a&b"}}, "letters, digits"),
    ],
)
def test_settings_that_s3_does_not_take_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VideoBucket(bucket_name="videos", **fields)


@pytest.mark.parametrize(
    ("uri", "name", "prefix"),
    [
        ("s3://studio", "studio", ""),
        ("s3://studio/", "studio", ""),
        (" S3://studio/videos/spring/ ", "studio", "videos/spring"),
    ],
)
def test_a_bucket_by_its_uri(uri: str, name: str, prefix: str) -> None:
    bucket = VideoBucket.from_uri(uri)
    assert (bucket.bucket_name, bucket.prefix) == (name, prefix)
    assert bucket.uri() == f"s3://{name}/{prefix}".rstrip("/")
    assert VideoBucket.from_uri(bucket.uri()) == bucket


@pytest.mark.parametrize("uri", ["", "studio", "https://studio/x", "s3:///x", "s3://"])
def test_what_is_no_uri_of_a_bucket_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="s3://name/prefix"):
        VideoBucket.from_uri(uri)


def test_the_uri_of_a_key() -> None:
    assert VideoBucket(bucket_name="studio").uri("a/b.mp4") == "s3://studio/a/b.mp4"
    assert VideoBucket(bucket_name="studio", prefix="x").uri("b.mp4") == "s3://studio/x/b.mp4"


def test_the_environment_gives_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOAPIS_BUCKET", raising=False)
    assert VideoBucket.from_environment() is None
    monkeypatch.setenv("TOAPIS_BUCKET", " ")
    assert VideoBucket.from_environment() is None
    monkeypatch.setenv("TOAPIS_BUCKET", "s3://studio/videos")
    assert VideoBucket.from_environment() == VideoBucket(bucket_name="studio", prefix="videos")
    monkeypatch.setenv("TOAPIS_BUCKET", "studio/videos")
    with pytest.raises(ValueError, match="TOAPIS_BUCKET: 'studio/videos'"):
        VideoBucket.from_environment()


# The operations, at a store of one's own


def test_what_is_written_can_be_read(bucket: VideoBucket, s3_folder: Path) -> None:
    assert bucket.read("a/b.json") is None
    bucket.write("a/b.json", b"{}", "application/json")
    assert bucket.read("a/b.json") == b"{}"
    assert (s3_folder / bucket.bucket_name / "team/film/a/b.json").read_bytes() == b"{}"
    bucket.write("a/b.json", b"[1]", "application/json")
    assert bucket.read("a/b.json") == b"[1]"


def test_head_tells_size_and_type(bucket: VideoBucket) -> None:
    assert bucket.head("clip.mp4") is None
    bucket.write("clip.mp4", b"12345", "video/mp4")
    found = bucket.head("clip.mp4")
    assert found is not None
    assert (found.size, found.content_type) == (5, "video/mp4")
    assert found.etag
    assert '"' not in found.etag


def test_keys_are_relative_and_only_those_under_the_prefix(aws_bucket: VideoBucket) -> None:
    whole = VideoBucket(bucket_name=aws_bucket.bucket_name, credentials=aws_bucket.credentials)
    whole.write("team/filmed/other", b"", "text/plain")
    for key in ("one/a", "one/b", "only", "two/c"):
        aws_bucket.write(key, b"", "text/plain")
    assert aws_bucket.list_keys("on") == ["one/a", "one/b", "only"]
    assert aws_bucket.list_keys() == ["one/a", "one/b", "only", "two/c"]
    assert aws_bucket.list_keys("three") == []
    assert "team/filmed/other" in whole.list_keys()


def test_more_keys_than_a_page_are_all_listed(bucket: VideoBucket, s3_folder: Path) -> None:
    folder = s3_folder / bucket.bucket_name / "team/film/many"
    folder.mkdir(parents=True)
    expected = [f"many/{number:04}" for number in range(1010)]
    for key in expected:
        (folder.parent / key).touch()
    assert bucket.list_keys("many/") == expected


@pytest.mark.parametrize("store", ["bucket", "aws_bucket"])
def test_folders_are_listed_by_their_names_without_what_is_in_them(
    request: pytest.FixtureRequest, store: str
) -> None:
    found: VideoBucket = request.getfixturevalue(store)
    assert found.list_folders() == []
    for key in ("a/plan.json", "a/records/x/attempt-1.json", "b/plan.json", "render-times.json"):
        found.write(key, b"{}", "application/json")
    assert sorted(found.list_folders()) == ["a", "b"]
    assert found.list_folders("a/") == ["records"]


def test_one_client_serves_many_threads(bucket: VideoBucket) -> None:
    with ThreadPoolExecutor(8) as threads:
        clients = set(threads.map(lambda _: id(bucket._s3), range(32)))
    assert len(clients) == 1


@pytest.mark.parametrize("store", ["bucket", "aws_bucket"])
@pytest.mark.parametrize("size", [0, 10, PART - 1, PART, PART + 1, 2 * PART + 5])
def test_a_stream_of_any_size_arrives_whole(
    request: pytest.FixtureRequest, store: str, size: int
) -> None:
    bucket: VideoBucket = request.getfixturevalue(store)
    bucket.upload("v/clip.mp4", Zeros(size), "video/mp4")
    found = bucket.head("v/clip.mp4")
    assert found is not None
    assert (found.size, found.content_type) == (size, "video/mp4")


def test_the_bytes_of_a_stream_keep_their_order(bucket: VideoBucket) -> None:
    content = random.Random(7).randbytes(20_000_000)
    bucket.upload("clip.bin", io.BytesIO(content), "application/octet-stream")
    assert bucket.read("clip.bin") == content


@pytest.mark.parametrize("at_once", [1, 4])
def test_an_upload_holds_two_parts_at_most(bucket: VideoBucket, at_once: int) -> None:
    def upload(number: int) -> None:
        bucket.upload(f"long-{number}.mp4", Zeros(60_000_000), "video/mp4")

    upload(0)  # what is loaded once is not the upload's
    with ThreadPoolExecutor(at_once) as threads:
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak: proc(5)
        list(threads.map(upload, range(at_once)))
        peak = _memory("VmHWM") - before
    # The pieces of the first part, and allocators, have as much again.
    assert peak < at_once * 5 * PART


def _memory(name: str) -> int:
    """Bytes, from Linux: obstore's are not Python's to know."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


@pytest.mark.parametrize("store", ["bucket", "aws_bucket"])
@pytest.mark.parametrize("until", [0, 1000, 3 * PART])
def test_the_error_of_a_reader_comes_out_and_nothing_is_left(
    request: pytest.FixtureRequest, store: str, until: int
) -> None:
    bucket: VideoBucket = request.getfixturevalue(store)
    with pytest.raises(LookupError, match="the reader's own error"):
        bucket.upload("half.mp4", Zeros(5 * PART, until=until), "video/mp4")
    assert bucket.head("half.mp4") is None
    assert not _unfinished_uploads(bucket)


def test_even_an_error_of_boto3_comes_out_of_a_reader_unchanged(bucket: VideoBucket) -> None:
    from botocore.exceptions import ReadTimeoutError

    raised = ReadTimeoutError(endpoint_url="https://elsewhere.example")

    class Broken:
        def read(self, _size: int, /) -> bytes:
            raise raised

    with pytest.raises(ReadTimeoutError) as caught:
        bucket.upload("half.mp4", Broken(), "video/mp4")
    assert caught.value is raised


def test_metadata_is_kept(aws_bucket: VideoBucket) -> None:
    aws_bucket.upload("clip.mp4", Zeros(10), "video/mp4", {"task-id": "t-1"})
    answer = aws_bucket._s3.head_object(Bucket=aws_bucket.bucket_name, Key="team/film/clip.mp4")
    assert answer["Metadata"] == {"task-id": "t-1"}


def test_metadata_that_s3_does_not_take_is_refused(bucket: VideoBucket) -> None:
    with pytest.raises(StoreError, match="ASCII"):
        bucket.upload("clip.mp4", Zeros(10), "video/mp4", {"title": "März"})


# What only AWS answers


def test_create_makes_and_never_replaces(aws_bucket: VideoBucket) -> None:
    assert aws_bucket.create("a", b"first", "text/plain") is True
    assert aws_bucket.create("a", b"second", "text/plain") is False
    assert aws_bucket.read("a") == b"first"


@pytest.mark.parametrize("way", ["write", "create", "upload", "long upload"])
def test_every_put_is_made_as_set_up(aws_bucket: VideoBucket, way: str) -> None:
    bucket = VideoBucket(
        bucket_name=aws_bucket.bucket_name,
        credentials=aws_bucket.credentials,
        sse="aws:kms",
        kms_key_id="arn:aws:kms:us-east-1:123456789012:key/k",
        storage_class="STANDARD_IA",
        tags={"team": "film + tv", "a/b": "c=d"},
        canned_acl="public-read",
    )
    if way == "write":
        bucket.write("a", b"", "text/plain")
    elif way == "create":
        bucket.create("a", b"", "text/plain")
    else:
        bucket.upload("a", Zeros(10 if way == "upload" else PART + 1), "text/plain")
    place = {"Bucket": bucket.bucket_name, "Key": "a"}
    client: Any = bucket._s3
    answer = client.head_object(**place)
    assert answer["ServerSideEncryption"] == "aws:kms"
    assert answer["SSEKMSKeyId"].endswith(":key/k")
    assert answer["StorageClass"] == "STANDARD_IA"
    tags = {tag["Key"]: tag["Value"] for tag in client.get_object_tagging(**place)["TagSet"]}
    assert tags == {"team": "film + tv", "a/b": "c=d"}
    grantees = [grant["Grantee"] for grant in client.get_object_acl(**place)["Grants"]]
    assert any("AllUsers" in grantee.get("URI", "") for grantee in grantees)


def test_nothing_is_set_by_default(aws_bucket: VideoBucket) -> None:
    aws_bucket.write("a", b"", "text/plain")
    answer = aws_bucket._s3.head_object(Bucket=aws_bucket.bucket_name, Key="team/film/a")
    assert not {"StorageClass", "SSEKMSKeyId"} & set(answer)


# The probe, and trouble


def test_the_probe_tells_stores_apart(bucket: VideoBucket, aws_bucket: VideoBucket) -> None:
    assert not bucket.probe().conditional_create
    assert aws_bucket.probe().conditional_create


def test_the_probe_leaves_one_object_and_can_be_repeated(aws_bucket: VideoBucket) -> None:
    first, second = aws_bucket.probe(), aws_bucket.probe()
    assert first == second
    assert aws_bucket.list_keys() == [PROBE_KEY]


@pytest.mark.parametrize("server", ["s3_server", "moto_server"])
def test_a_missing_bucket_is_named(request: pytest.FixtureRequest, server: str) -> None:
    credentials: S3Credentials = request.getfixturevalue(server)
    bucket = VideoBucket(bucket_name="not-there", credentials=credentials)
    with pytest.raises(StoreMissing, match=r"s3://not-there/.* with keys \S+ given"):
        bucket.probe()
    for operation in (bucket.read, bucket.list_keys):
        with pytest.raises(StoreMissing):
            operation("a")
    with pytest.raises(StoreMissing):
        bucket.upload("a", Zeros(10), "video/mp4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aws_secret_access_key": SecretStr("wrong")}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "AKIAWRONGWRONGWRONG1"}, r"AKIA…ONG1.*InvalidAccessKeyId"),
        ({"aws_access_key_id": None, "aws_secret_access_key": None}, "own chain .found none"),
        (
            {
                "aws_access_key_id": None,
                "aws_secret_access_key": None,
                "profile_name": "not-there",
            },
            "with profile not-there",
        ),
        ({"aws_secret_access_key": SecretStr("*" * 10)}, "masked"),
    ],
)
def test_wrong_credentials_are_refused(
    bucket: VideoBucket, change: dict[str, Any], message: str
) -> None:
    assert bucket.credentials is not None
    wrong = bucket.credentials.model_copy(update=change)
    refused = VideoBucket(bucket_name=bucket.bucket_name, credentials=wrong)
    with pytest.raises(StoreAccessRefused, match=message):
        refused.probe()


def test_rights_that_are_missing_are_refused(aws_bucket: VideoBucket) -> None:
    assert aws_bucket.credentials is not None
    rights_from = f"{aws_bucket.credentials.endpoint_url}/moto-api/reset-auth"
    user = _user_without_rights(aws_bucket.credentials)
    refused = VideoBucket(bucket_name=aws_bucket.bucket_name, credentials=user)
    _post(rights_from, b"0")
    try:
        with pytest.raises(StoreAccessRefused, match="AccessDenied"):
            refused.probe()
    finally:
        _post(rights_from, b"inf")


def test_nobody_there_may_pass_by_itself(bucket: VideoBucket) -> None:
    assert bucket.credentials is not None
    away = bucket.credentials.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
        VideoBucket(bucket_name="videos", credentials=away).read("a")


@pytest.mark.parametrize(
    "change",
    [{"region_name": "no where"}, {"endpoint_url": "https://127.0.0.1:{port}"}],
)
def test_a_wrong_set_up_is_not_tried_again(bucket: VideoBucket, change: dict[str, str]) -> None:
    assert bucket.credentials is not None
    port = str(bucket.credentials.endpoint_url).rpartition(":")[2]
    change = {name: value.format(port=port) for name, value in change.items()}
    wrong = bucket.credentials.model_copy(update=change)
    with pytest.raises(StoreError) as caught:
        VideoBucket(bucket_name="videos", credentials=wrong).read("a")
    assert not isinstance(caught.value, StoreUnavailable)


# What Prefect does with blocks


def test_a_used_bucket_is_copied_compared_and_pickled(bucket: VideoBucket) -> None:
    fresh = VideoBucket(**dict(iter(bucket)))
    bucket.write("a", b"1", "text/plain")
    assert bucket == fresh
    for other in (copy.deepcopy(bucket), pickle.loads(pickle.dumps(bucket)), copy.copy(bucket)):
        assert other == bucket
        assert other.read("a") == b"1"


def test_other_credentials_get_another_client(bucket: VideoBucket) -> None:
    assert bucket.credentials is not None
    bucket.write("a", b"1", "text/plain")
    wrong = bucket.credentials.model_copy(update={"aws_secret_access_key": SecretStr("wrong")})
    with pytest.raises(StoreAccessRefused):
        bucket.model_copy(update={"credentials": wrong}).read("a")


def test_the_secret_shows_neither_in_repr_nor_in_errors(bucket: VideoBucket) -> None:
    assert bucket.credentials is not None
    assert bucket.credentials.aws_secret_access_key is not None
    secret = bucket.credentials.aws_secret_access_key.get_secret_value()
    missing = VideoBucket(bucket_name="not-there", credentials=bucket.credentials)
    with pytest.raises(StoreMissing) as caught:
        missing.probe()
    assert secret not in f"{bucket!r} {bucket} {bucket.model_dump_json()} {caught.value!r}"
    assert secret not in str(caught.value)


def _user_without_rights(credentials: S3Credentials) -> S3Credentials:
    import boto3

    assert credentials.aws_secret_access_key is not None
    iam = boto3.client(
        "iam",
        endpoint_url=credentials.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=credentials.aws_access_key_id,
        aws_secret_access_key=credentials.aws_secret_access_key.get_secret_value(),
    )
    iam.create_user(UserName="guest")
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    return credentials.model_copy(
        update={
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": SecretStr(key["SecretAccessKey"]),
        }
    )


def _unfinished_uploads(bucket: VideoBucket) -> list[Any]:
    from botocore.exceptions import ClientError

    try:
        answer: Any = bucket._s3.list_multipart_uploads(Bucket=bucket.bucket_name)
    except ClientError as error:
        assert error_code(error) == "NoSuchUpload"  # noqa: PT017 - rclone's way of saying none
        return []
    return list(answer.get("Uploads", []))


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=10).close()
