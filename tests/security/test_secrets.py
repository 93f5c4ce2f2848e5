"""Keys, passwords and signatures: neither shown nor kept, in errors, logs, reprs and tracebacks."""

import hmac
import importlib
import io
import json
import logging
import pkgutil
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow
from prefect.exceptions import ParameterTypeError
from pydantic import BaseModel, SecretStr, ValidationError
from rich.console import Console
from rich.traceback import Traceback
from tests.records.conftest import MemoryStore

import prefect_toapis
from prefect_toapis import RunSettings, S3Credentials, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.client.account import account
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidRequest, NotAVideo, NotSent, ToAPIsError
from prefect_toapis.client.key import fingerprint
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.request_logs import without_secrets
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import CharacterRequest, Request, VideoRequest
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.client.result_urls import Output
from prefect_toapis.client.results import ResultReader, ResumePolicy
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import without_queries, without_query
from prefect_toapis.client.webhooks import WebhookForged, WebhookSecrets, verify
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.shards import signed_url_faults
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Character, Scene
from prefect_toapis.receiver.secrets_from_env import secrets_from_environment
from prefect_toapis.records.plan_file import PlanFile
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.stored_shots import StoredShot
from prefect_toapis.records.uploads import Upload
from prefect_toapis.reports.manifest_rows import build_manifest
from prefect_toapis.simulator import Simulator
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

SECRET = "s3cr3t-4f1e9c"
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
KEY = SecretStr(f"sk-{SECRET}")


def all_models() -> set[type[BaseModel]]:
    for module in pkgutil.walk_packages(prefect_toapis.__path__, "prefect_toapis."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[BaseModel]] = set()
    left = [BaseModel]
    while left:
        for one in left.pop().__subclasses__():
            if one not in found:
                found.add(one)
                left.append(one)
    return {one for one in found if one.__module__.startswith("prefect_toapis.")}


def test_no_model_and_no_block_shows_the_input_that_it_refuses() -> None:
    models = {one for one in all_models() if ".simulator." not in one.__module__}
    assert {ToAPIsCredentials, S3Credentials, VideoBucket, RunSettings, StoredShot} <= models
    assert [one for one in models if not one.model_config.get("hide_input_in_errors")] == []


def test_wrong_types_are_not_shown_either() -> None:
    for make in (
        lambda: ToAPIsCredentials.model_validate({"api_key": [SECRET], "base_url": 1}),
        lambda: S3Credentials.model_validate({"aws_secret_access_key": {"a": SECRET}}),
        lambda: VideoBucket.model_validate({"bucket_name": "abc", "credentials": SECRET}),
        lambda: BatchSpec.model_validate({"scenes": [{"image_urls": SECRET}]}),
        lambda: Character.model_validate({"url": [SECRET]}),
    ):
        with pytest.raises(ValidationError) as refused:
            make()
        assert SECRET not in f"{refused.value!s} {refused.value!r}"


@pytest.mark.usefixtures("prefect_server")
def test_what_a_flow_refuses_is_not_shown_by_prefect(log: pytest.LogCaptureFixture) -> None:
    @async_flow(name="ours")
    async def ours(
        credentials: ToAPIsCredentials, settings: RunSettings, other: str, number: int
    ) -> None:
        del credentials, settings, other, number

    log.set_level(logging.DEBUG)
    bad = {
        "credentials": {"api_key": SECRET, "base_url": f"https://me:{SECRET}@a.example"},
        "settings": {
            "webhooks": {"callback_url": f"https://me:{SECRET}@a.example"},
            "limits": {"max_in_flight": SECRET},
        },
        "other": SECRET,
        "number": SECRET,
    }
    with pytest.raises(ParameterTypeError, match="base_url") as refused:
        ours.validate_parameters(bad)
    state = sync_flow(ours)(**bad, return_state=True)
    assert state.is_failed()
    assert "base_url" in str(state.message)
    assert "Parameter validation failed for flow 'ours'" in log.text
    assert SECRET not in f"{refused.value} {refused.value.__cause__} {state!r} {log.text}"

    @flow(name="theirs")
    def theirs(number: int) -> None:
        del number

    with pytest.raises(ParameterTypeError):
        theirs.validate_parameters({"number": "not-one"})
    assert "not-one" in log.text  # what isn't ours stays as it was


# Signatures, whatever they are called.

SIGNED = [
    f"https://cdn.example/a.png?{name}"
    for name in (
        *(f"hdnea=exp=1~hmac={SECRET}", f"Policy-x={SECRET}", f"wsSecret={SECRET}&wsTime=1"),
        *(f"auth_key={SECRET}", f"verify={SECRET}", f"X-Tos-Signature={SECRET}", f"jwt={SECRET}"),
        *(f"{SECRET}", f"v=2&{SECRET}", f"v=1;sig={SECRET}", f"a=?{SECRET}", f"=/{SECRET}"),
    )
] + [
    f"https://cdn.example/a.png#sig={SECRET}",
    f"https://me:{SECRET}@cdn.example/a.png",
    f"HTTPS://cdn.example/a.png?{SECRET}",
]
OTHER_SCHEMES = [f"s3://studio/a.png?sig={SECRET}", f"gs://me:{SECRET}@studio/a.png#{SECRET}"]


@pytest.mark.parametrize("url", [*SIGNED, *OTHER_SCHEMES])
def test_what_may_sign_is_in_no_text(url: str) -> None:
    escaped = json.dumps(url).replace("/", "\\/").replace("?", "\\u003f").replace("#", "\\u0023")
    texts = [url, f"see {url}, or '{url}'.", json.dumps({"url": url}), f"({url})", escaped]
    for text in texts:
        assert SECRET not in without_queries(text), text
        assert SECRET not in f"{ToAPIsError(text)} {ToAPIsError('x', reply=text).reply}"
        assert SECRET not in f"{InvalidRequest([text])} {InvalidBatch([text])}"
        assert SECRET not in repr(InvalidRequest([text])) + repr(InvalidRequest([text]).args)
    assert SECRET not in without_query(url)


@given(st.text())
def test_a_text_without_urls_and_a_shown_one_stay_as_they_are(text: str) -> None:
    once = without_queries(text)
    assert len(once) <= len(text)
    if not {"/", "?", "#", "\\", ":"} & set(text):
        assert once == text


@pytest.mark.parametrize("text", ["What if? a/b?", "Is it 3/4, or 1/2?", "#1 of 2/3", "see C#"])
def test_prose_stays_as_it_is(text: str) -> None:
    assert without_queries(text) == text


def shot_of(url: str) -> Any:
    scene = Scene(prompt="A dog", image_urls=[url])
    return plan_batch(BatchSpec(scenes=[scene]), "b", "s3://videos").shots[0]


@pytest.mark.parametrize("url", SIGNED)
def test_what_may_sign_is_in_no_plan_manifest_fault_or_repr(url: str) -> None:
    shot = shot_of(url)
    plan = PlanFile(batch="b", destination="s3://videos", shots=[shot], left=[shot])
    manifest = build_manifest("b", "s3://videos/b", [shot], [], {})
    wrong = VideoRequest(prompt="A dog", model="nobody", extra={"url": f"http://10.0.0.1/?{url}"})
    faults = check(wrong, Catalogue.shipped())
    shown_ = [plan.to_json().decode(), manifest.to_jsonl(), repr(shot), repr(manifest), repr(plan)]
    shown_ += [repr(Output(url, thumbnail_url=url)), str(faults), *map(str, faults)]
    assert faults
    assert SECRET not in " ".join(shown_)


SHOWN_MODELS: list[Callable[[str], object]] = [
    lambda url: Scene(prompt="A", image_urls=[url]),
    lambda url: Scene(prompt="A", character_url=url),
    lambda url: Variant(extra={"reference": url}),
    lambda url: Character(name="T", url=url, timestamps="1,3"),
    lambda url: VideoRequest(prompt="A", image_urls=[url], character_url=url, extra={"a": url}),
    lambda url: CharacterRequest(url=url, timestamps="1,3"),
    lambda url: Upload(reference="a", url=url, name="a.png", uploaded_at=NOW),
    lambda url: Reply("video_1", "completed", outputs=(Output(url, thumbnail_url=url),)),
]


@pytest.mark.parametrize("make", SHOWN_MODELS)
def test_no_repr_shows_what_may_sign(make: Callable[[str], object]) -> None:
    url = f"https://cdn.example/a.png?{SECRET}"
    assert SECRET not in f"{make(url)!r} {make(url)!s}"


def test_a_plan_in_shards_keeps_what_its_runs_fetch_by() -> None:
    shot = shot_of("https://m.example/a.png?size=2")
    assert signed_url_faults([shot], BatchSpec()) == []
    plan = PlanFile(batch="b", destination="s3://videos", shots=[shot], shards=[[shot.shot_id]])
    assert b"size=2" in plan.to_json()
    assert b"size=2" not in plan.model_copy(update={"shards": []}).to_json()


class Takes:
    """An API that accepts everything, and keeps what it was sent."""

    fingerprint = "a"

    def __init__(self) -> None:
        self.sent: list[Request] = []

    async def ready(self) -> None:
        """There is room."""

    async def submit(self, request: Request, business_id: str, **_: Any) -> Accepted:
        del business_id
        self.sent.append(request)
        return Accepted("video_1", Reply("video_1", "queued"))

    async def find(self, business_id: str) -> None:
        raise NotImplementedError(business_id)


@pytest.mark.parametrize("url", SIGNED[:12])
async def test_what_signs_goes_out_and_into_no_record(url: str) -> None:
    api, store, shot = Takes(), MemoryStore(), shot_of(url)
    await Buyer(api, store, RunSettings(), now=lambda: NOW).buy(shot)  # type: ignore[arg-type]
    assert api.sent == [shot.request]
    kept = b"".join(store.contents.values()).decode()
    assert "https://cdn.example/a.png" in kept
    assert SECRET not in kept


# A host of results, over real HTTP.


@pytest.fixture
def host() -> Iterator[tuple[str, dict[str, Any]]]:
    """A host and how it answers: by its `status`, `headers` and `body`."""
    answer: dict[str, Any] = {"status": 200, "headers": {}, "body": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - as it is called there
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answer
    server.shutdown()
    server.server_close()


BODIES = [
    f'{{"token":"{SECRET}"}}',
    f"<a href='https://cdn.example/?{SECRET}'>",
    f"/v.mp4?Expires=1&Signature={SECRET}",
    f"Signature={SECRET}",
    f"?X-Signature={SECRET}",
    f"#EXTM3U\nhttps://cdn.example/a.ts?hdnea={SECRET}",
    "AKIA0SECRET0SECRET0SECRET0s3cr3t-4f1e9c",
    f"Bearer {SECRET}",
]


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_video_shows_nothing_that_may_sign(
    host: tuple[str, dict[str, Any]], body: str
) -> None:
    url, answer = host
    answer["body"] = body.encode()
    answer["headers"] = {"Content-Type": f"text/html; sig={SECRET}"}
    with pytest.raises(NotAVideo, match="the result is not a video: text/html") as raised:
        ResultReader(SecretStr(f"{url}/v.mp4?{SECRET}"), base_url=url)
    assert SECRET not in f"{raised.value} {raised.value!r}"
    answer["headers"] = {"Content-Type": f"https://cdn.example/?{SECRET}"}
    with pytest.raises(NotAVideo) as raised:
        ResultReader(SecretStr(f"{url}/v.mp4?{SECRET}"), base_url=url)
    assert SECRET not in str(raised.value)


LOGGERS = ["httpx", *(one for one in logging.root.manager.loggerDict if "httpcore." in one)]


def test_no_log_of_a_fetched_result_has_its_url_or_where_it_is_redirected(
    host: tuple[str, dict[str, Any]], log: pytest.LogCaptureFixture
) -> None:
    url, answer = host
    log.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        log.set_level(logging.DEBUG, logger=name)
    for location in (f"{url}/b?hdnea={SECRET}", f"/c?{SECRET}", f"c?x={SECRET}"):
        answer["status"] = 302
        answer["headers"] = {"Location": location, "Set-Cookie": f"a={SECRET}"}
        with pytest.raises(ToAPIsError) as raised:
            ResultReader(
                SecretStr(f"{url}/v.mp4?{SECRET}"),
                base_url=url,
                resume_policy=ResumePolicy.within(0),
            )
        assert SECRET not in shown(raised.value, show_locals=False)
    assert {"httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"} <= {*LOGGERS}
    for name in LOGGERS:
        assert without_secrets in logging.getLogger(name).filters, name
    assert "receive_response_headers" in log.text  # httpcore did log
    assert "HTTP Request: GET" in log.text
    assert SECRET not in log.text


# Tracebacks with variables, as rich, pytest and sentry show them.


def shown(error: BaseException, *, show_locals: bool = True) -> str:
    console = Console(file=io.StringIO(), width=400)
    trace = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=show_locals,
        locals_max_string=100_000,
        locals_max_length=1_000,
        locals_hide_dunder=False,
        max_frames=200,
        suppress=(),
    )
    console.print(trace)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


async def test_no_frame_of_a_call_holds_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("httpcore.AsyncConnectionPool.handle_async_request", broken)
    async with ToAPIsClient(KEY, "http://127.0.0.1:1") as client:
        with pytest.raises(RuntimeError) as raised:
            await client.balance()
    assert "transport.py" in shown(raised.value)
    assert SECRET not in shown(raised.value)
    monkeypatch.undo()
    async with ToAPIsClient(KEY, "http://127.0.0.1:1", retry=RetryPolicy(budget=0)) as client:
        with pytest.raises(NotSent) as unreachable:
            await client.balance()
    assert SECRET not in shown(unreachable.value)


async def test_nor_where_the_connection_breaks_while_the_key_is_written(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(*_: object, **__: object) -> None:
        raise RuntimeError("broken while writing")

    monkeypatch.setattr("httpcore._backends.anyio.AnyIOStream.write", write)
    async with ToAPIsClient(KEY, simulator.url) as client:
        with pytest.raises(RuntimeError, match="broken while writing") as raised:
            await client.balance()
    assert "_send" in shown(raised.value)
    assert SECRET not in shown(raised.value)


def test_nor_a_frame_of_a_result_that_is_fetched_with_the_key(
    host: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, answer = host
    answer["status"] = 401
    real = httpx.Client.send

    def send(self: httpx.Client, request: httpx.Request, **given: Any) -> httpx.Response:
        if "auth" in given:
            bearer = f"Bearer {KEY.get_secret_value()}"
            raise RuntimeError(len(bearer))
        return real(self, request, **given)

    monkeypatch.setattr("httpx.Client.send", send)
    with pytest.raises(RuntimeError) as raised:
        ResultReader(SecretStr(f"{url}/v.mp4"), base_url=url, api_key=KEY)
    assert "_send_with" in shown(raised.value)
    assert SECRET not in shown(raised.value)


@pytest.mark.parametrize("broken", ["send", "read"])
@pytest.mark.parametrize("kind", [RuntimeError, httpx.ReadError])
def test_nor_a_frame_of_a_result_its_signed_url(
    host: tuple[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    kind: type[Exception],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("a fault")

    base, answer = host
    answer["body"] = b"\0\0\0\x18ftypmp42" + bytes(100_000)
    stream = "httpx._transports.default.ResponseStream.__iter__"
    monkeypatch.setattr("httpx.HTTPTransport.handle_request" if broken == "send" else stream, fail)
    with pytest.raises((RuntimeError, ToAPIsError)) as raised:
        ResultReader(
            SecretStr(f"{base}/v.mp4?{SECRET}"), base_url=base, resume_policy=ResumePolicy.within(0)
        )
    assert "results.py" in shown(raised.value)
    assert SECRET not in shown(raised.value)


@pytest.mark.parametrize("status", [403, 500, 200])
def test_nor_where_its_host_refuses_or_has_no_video(
    host: tuple[str, dict[str, Any]], status: int
) -> None:
    base, answer = host
    answer["status"], answer["body"] = status, b"<html>"
    with pytest.raises(ToAPIsError) as raised:
        ResultReader(SecretStr(f"{base}/v.mp4?{SECRET}"), base_url=base)
    assert SECRET not in shown(raised.value)


@pytest.mark.parametrize("broken", ["hashlib.sha256", "prefect_toapis.client.account.Poller"])
def test_nor_one_of_an_account(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(RuntimeError) as raised:
        account(SecretStr(f"sk-{SECRET}-{broken}"), "https://api.example").__enter__()
    assert "__init__" in shown(raised.value)
    assert SECRET not in shown(raised.value)


def test_the_fingerprint_of_an_account_is_what_it_was() -> None:
    assert fingerprint(SecretStr("sk-1"), "https://toapis.com") == "79c4405aba989fe5"


def test_nor_one_of_the_environment_s_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOAPIS_API_KEY", KEY.get_secret_value())
    monkeypatch.setenv("TOAPIS_BASE_URL", "nowhere")
    with pytest.raises(ValidationError) as refused:
        ToAPIsCredentials.from_environment()
    assert SECRET not in shown(refused.value)
    monkeypatch.setenv("CURRENT", SECRET)
    monkeypatch.setattr("prefect_toapis.receiver.secrets_from_env.WebhookSecrets", None)
    with pytest.raises(TypeError) as broken:
        secrets_from_environment("CURRENT", "PREVIOUS")
    assert SECRET not in shown(broken.value)


def test_what_would_sign_a_forged_webhook_is_in_no_frame() -> None:
    given = {"id": "evt_1", "timestamp": "1000", "signature": "v1=00"}
    headers = {f"x-toapis-webhook-{name}": value for name, value in given.items()}
    with pytest.raises(WebhookForged) as refused:
        verify(headers, b"{}", WebhookSecrets(SecretStr(SECRET)), 1000)
    frames = shown(refused.value)
    assert hmac.digest(SECRET.encode(), b"evt_1.1000.{}", "sha256").hex() not in frames
    assert SECRET not in frames


def test_nor_does_a_frame_of_s3_show_what_signs() -> None:
    credentials = S3Credentials(
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key=SecretStr(SECRET),
        aws_session_token=SecretStr(f"token-{SECRET}"),
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:1",
    )
    bucket = VideoBucket(bucket_name="studio", credentials=credentials)
    calls: list[Callable[[], object]] = [
        lambda: bucket.read("a.txt"),
        lambda: bucket.upload("a.mp4", io.BytesIO(b"x"), "video/mp4"),
        lambda: bucket.upload("a.mp4", io.BytesIO(bytes(6_000_000)), "video/mp4"),
    ]
    for call in calls:
        with pytest.raises(ToAPIsError) as raised:
            call()
        text = shown(raised.value)
        assert "video_bucket.py" in text
        assert SECRET not in text
        assert "Signature=" not in text
