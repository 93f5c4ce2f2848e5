"""`prefect-toapis models`: the overview, and what a model takes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from prefect_toapis.cli.models import listed_models
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.simulator import Simulator
from prefect_toapis.simulator.faults import Replace

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SHIPPED = Catalogue.shipped()
NOWHERE = "http://127.0.0.1:9"  # where nothing listens


def test_the_overview_shows_what_is_offered_known_and_both(call: Run, simulator: Simulator) -> None:
    body = json.dumps({"data": [{"id": "SORA-2"}, {"id": "wan-9"}, {"id": "\x1b[31mred"}]})
    simulator.faults.add(Replace(operation="models", status=200, body=body))
    ended = call("models")
    assert ended.returncode == 0, ended.stderr
    lines = [line.split() for line in ended.stdout.splitlines() if line.strip()]
    by_name = {line[0]: line for line in lines}
    assert by_name["sora-2"][1:5] == ["✓", "✓", "10,", "15"]
    assert by_name["wan-9"][1:] == ["✓", "rules", "unknown,", "not", "checked"]
    assert by_name["kling-v3"][1:6] == ["✓", "3", "to", "15", "text,"]
    assert "\x1b" not in ended.stdout


def test_models_are_listed_once_under_the_catalogue_s_name() -> None:
    offered = ["wan-9", "gemini_omni_flash", "KLING-V3", "gemini-omni-flash"]
    listed = listed_models(offered, SHIPPED)
    assert [(model.model, model.known) for model in listed if model.offered] == [
        ("gemini-omni-flash", True),
        ("kling-v3", True),
        ("wan-9", False),
    ]
    names = [model.model for model in listed]
    assert sorted(names) == sorted({*SHIPPED.names(), "wan-9"})


def test_the_overview_as_json_has_the_same_keys_for_each_model(call: Run) -> None:
    ended = call("models", "--json")
    models = json.loads(ended.stdout)["models"]
    keys = {"model", "offered", "known", "family", "purposes", "duration"}
    assert {frozenset(model) for model in models} == {frozenset(keys)}
    assert {model["model"] for model in models} >= {*SHIPPED.names()}
    assert all(model["offered"] for model in models)  # the simulator offers all of them


def test_a_model_is_shown_without_asking_the_api(call: Run) -> None:
    ended = call("models", "KLING-v2-6", TOAPIS_BASE_URL=NOWHERE, TOAPIS_API_KEY="")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for words in (
        "kling-v2-6 (Kling)",
        "text to video, image to video, reference to video",
        "api-reference/videos/kling-2-6/generation.mdx",
        "5, 10 seconds",
        "image_with_roles[].role",
        "- Not audio=true and mode=std: sound needs mode pro.",
        "- model: kling-v2-6",
    ):
        assert words in ended.stdout


def test_a_model_as_json_comes_with_a_spec_that_works_and_with_its_prices(
    call: Run, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("[{model: 'viduq3*', when: {resolution: 1080p}, credits: 8, per: second}]")
    ended = call("models", "viduq3", "--json", TOAPIS_PRICES=str(prices))
    sheet = json.loads(ended.stdout)
    spec = BatchSpec.model_validate(yaml.safe_load(sheet["spec"]))
    assert plan_batch(spec, "b", "s3://videos").faults == []
    assert {field["name"]: field["required"] for field in sheet["fields"]}["image_urls"]
    assert (sheet["remix"], sheet["extend"], sheet["character"]) == (None, None, None)
    [price] = sheet["prices"]
    assert (price["model"], price["credits"], price["per"]) == ("viduq3*", 8, "second")
    words = call("models", "viduq3", TOAPIS_PRICES=str(prices)).stdout
    assert "viduq3* when resolution=1080p: 8 credits per second" in words


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("klng-v3", "klng-v3: not in the catalogue; did you mean kling-v3"),
        ("Veo3.1-quality-oficial", "did you mean Veo3.1-quality-official"),
        ("[red]x[/red]", "[red]x[/red]: not in the catalogue"),
    ],
)
def test_an_unknown_model_is_an_error_with_what_may_be_meant(
    call: Run, model: str, said: str
) -> None:
    ended = call("models", model)
    assert ended.returncode == 1
    assert said in ended.stdout


def test_models_of_an_own_catalogue_are_shown_and_its_faults_are_named(
    run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("models: {wan-9: {fields: {prompt: {}, size: {choices: [s, m], default: m}}}}")
    assert "s, m" in run("models", "wan-9", TOAPIS_CATALOGUE=str(own)).stdout
    own.write_text("models: {wan-9: {fiels: {}}}")
    ended = run("models", "wan-9", TOAPIS_CATALOGUE=str(own))
    assert ended.returncode == 1
    assert "own.yaml" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
