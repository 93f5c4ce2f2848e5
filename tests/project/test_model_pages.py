"""The pages about models are those that the catalogue gives, and none is missing."""

import re
import runpy
from pathlib import Path

import pytest

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule, ModelRules
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec_files import open_spec

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "models"
WRITTEN: dict[str, str] = runpy.run_path(str(ROOT / "scripts" / "model-pages"))["pages"]()
HOW_TO = (ROOT / "docs" / "how-to" / "models.md").read_text(encoding="utf-8")
SPECS = re.findall(r"^```yaml\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
COVERAGE = (ROOT / "docs" / "api-coverage.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*WRITTEN, *(path.name for path in FOLDER.iterdir())}))
def test_a_page_is_what_the_script_writes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == WRITTEN.get(name)


@pytest.mark.parametrize("model", Catalogue.shipped().names())
def test_each_model_is_in_the_index_on_a_page_and_in_the_coverage(model: str) -> None:
    assert f"| `{model}` |" in WRITTEN["index.md"]
    heading = re.compile(rf"^## (?:.*, )?{re.escape(model)}(?:,|$)", re.MULTILINE)
    assert len([name for name, page in WRITTEN.items() if heading.search(page)]) == 1
    assert f"| `{model}` |" in COVERAGE


@pytest.mark.parametrize(
    ("title", "schema"), [("Keys of a model", ModelRules), ("Keys of a field", FieldRule)]
)
def test_the_form_of_an_entry_is_described_key_by_key(
    title: str, schema: type[ModelRules] | type[FieldRule]
) -> None:
    part = HOW_TO.partition(f"### {title}\n")[2].partition("\n#")[0]
    keys = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert keys == [info.alias or name for name, info in schema.model_fields.items()]


@pytest.mark.parametrize(
    "text", re.findall(r"^```yaml\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
)
def test_the_specs_of_the_page_can_be_planned(text: str) -> None:
    spec, faults = open_spec(text.encode(), "spec.yaml").batch()
    plan = plan_batch(spec, "b", "s3://videos")
    assert plan.shots
    assert (faults, plan.faults, plan.notes) == ([], [], [])
