"""The flow `make-videos`: a batch from a short form."""

from typing import Annotated, Any, Literal

from prefect.runtime import flow_run
from pydantic import Field, WithJsonSchema

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.flows.generate import Step, make_batch
from prefect_toapis.flows.progress import Progress
from prefect_toapis.flows.run_names import name_of, run_facts
from prefect_toapis.planning.prompt_lines import read_lines
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

Shape = Literal["as the model does", "16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]

_AS_THE_MODEL_DOES: Shape = "as the model does"
_NO_CHOICE = 0  # seconds
_LONGEST = 400_000  # characters; Prefect takes parameters of 512 KB
_LONGEST_NAMES = 10_000  # characters
_LONGEST_NAME = 200  # characters


def models_of_prompts() -> list[str]:
    """Return the known models that need no more than a prompt."""
    catalogue = Catalogue.shipped()
    requests = [VideoRequest(model=name, prompt="A dog") for name in catalogue.names()]
    return sorted(request.model for request in requests if not check(request, catalogue))


# A drop-down in the form. Other models can be used in the full form, in specs and in code.
_Model = Annotated[str, WithJsonSchema({"type": "string", "enum": models_of_prompts()})]


def _run_name() -> str:
    given = flow_run.parameters
    lines = read_lines(str(given["prompts"]), str(given.get("characters") or ""))
    shared = {name: given.get(name) or None for name in ("batch", "dry_run")}
    sizes = {"scenes": lines.prompts, "characters": lines.usernames}
    return name_of({**shared, **sizes}, run_facts())


@async_flow(name="make-videos", flow_run_name=_run_name)
async def amake_videos(  # noqa: PLR0913 - the fields of a form, each with a default
    dry_run: bool = True,
    *,
    prompts: Annotated[str, Field(max_length=_LONGEST)],
    model: _Model = "sora-2",
    duration: Annotated[int, Field(ge=0, le=86_400)] = _NO_CHOICE,  # the form refuses a null here
    shape: Shape = _AS_THE_MODEL_DOES,
    takes: Annotated[int, Field(ge=1, le=100)] = 1,
    characters: Annotated[str, Field(max_length=_LONGEST_NAMES)] = "",
    batch: Annotated[str, Field(max_length=_LONGEST_NAME)] = "",
) -> Manifest:
    """Make a video of each prompt. First try it with dry run, and look at the plan.

    For several variants, casts and all settings, use the full form (generate-videos) or a spec
    file. The account and the bucket are the blocks named "default".

    Args:
        dry_run: On: only show the plan and its cost; nothing is bought. Off: buy the videos.
        prompts: One prompt a line.
        model: The model that makes them.
        duration: Seconds of each video. 0: as the model does.
        shape: Aspect ratio: 16:9 is landscape, 9:16 is portrait, 1:1 is square.
        takes: How many videos of each prompt are bought.
        characters: Usernames such as @duksvfkf.turbo_whis, one a line. Each prompt is made with
            each of them, in place of {character}.
        batch: Name of the batch. The same name later continues it, and buys nothing twice. Empty: a
            new batch.

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: Every fault is listed, nothing was bought.
        BatchFailed: Some videos aren't stored; its `manifest` has the reasons.

    Example:
        ```python
        manifest = await amake_videos(dry_run=False, prompts="A dog on a beach", batch="dogs")
        ```
    """
    lines = read_lines(prompts, characters)
    variant: dict[str, Any] = {"model": model, "duration": duration or None, "takes": takes}
    if shape != _AS_THE_MODEL_DOES:
        variant["aspect_ratio"] = shape
    spec = BatchSpec.model_validate(
        {
            "scenes": lines.prompts,
            "variants": [variant],
            "characters": [{"name": name, "username": f"@{name}"} for name in lines.usernames],
            "batch": batch.strip() or None,
        }
    )
    until: Step = "plan" if dry_run else "download"
    return await make_batch(spec, None, None, Progress(), until, lines.faults)


make_videos = sync_flow(amake_videos)
"""`amake_videos` for sync code."""
