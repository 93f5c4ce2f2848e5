"""Local files in place of URLs in a spec: reference images and clips.

They are replaced by references to their content before planning, so that a shot's identity depends
on the content of a file, and not on its path.
"""

import posixpath
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.media import Kind
from prefect_toapis.client.media_limits import MediaContent
from prefect_toapis.client.model_rules import FieldRule
from prefect_toapis.client.references import is_file, references_by_place, rule_at, with_files
from prefect_toapis.client.request_fields import SceneFields, VariantFields
from prefect_toapis.client.requests import Request, VideoRequest
from prefect_toapis.planning.labels import scene_labels, variant_labels
from prefect_toapis.planning.spec import BatchSpec, Character, Variant

Change = Callable[[str, Kind], str]

S = TypeVar("S", bound=SceneFields)
V = TypeVar("V", bound=VariantFields)


class File(NamedTuple):
    """A file that a batch names: a path or `s3://bucket/key`, and the expected kind of media."""

    path: str
    kind: Kind


def files_in(spec: BatchSpec) -> dict[File, str]:
    """Return the files that a batch names, each with the first place that names it.

    Example:
        >>> scene = {"name": "tram", "prompt": "Ride", "image_urls": ["./a.png"]}
        >>> files_in(BatchSpec.model_validate({"scenes": [scene]}))
        {File(path='./a.png', kind='image'): 'scene "tram"'}
    """
    found: dict[File, str] = {}
    for label, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True):
        _of_scene(scene, _noting(found, f'scene "{label}"'))
    for label, variant in zip(variant_labels(spec.variants), spec.variants, strict=True):
        _of_variant(variant, _noting(found, f'variant "{label}"'))
    for character in spec.characters:
        _of_character(character, _noting(found, f'character "{character.name}"'))
    return found


def map_files(spec: BatchSpec, change: Change) -> BatchSpec:
    """Return the batch with `change` applied to each file that it names."""
    return spec.model_copy(
        update={
            "scenes": [_of_scene(scene, change) for scene in spec.scenes],
            "variants": [_of_variant(variant, change) for variant in spec.variants],
            "characters": [_of_character(character, change) for character in spec.characters],
        }
    )


def with_references(spec: BatchSpec, references: Mapping[File, str]) -> BatchSpec:
    """Return the batch with its files replaced by references to their content."""
    return map_files(spec, lambda path, kind: references.get(File(path, kind), path))


def files_of(request: VideoRequest) -> list[File]:
    """Return the files that a request names."""
    found: dict[File, str] = {}
    map_request(request, _noting(found, "the request"))
    return list(found)


def map_request(request: VideoRequest, change: Change) -> VideoRequest:
    """Return the request with `change` applied to each file that it names."""
    without_own = request.model_copy(update={"extra": {}})
    extra = with_files(request.extra, _fields_of(request.model), change)
    return _of_scene(without_own, change).model_copy(update={"extra": extra})


def content_faults(
    request: Request, contents: Mapping[str, MediaContent], files: Mapping[str, File]
) -> list[str]:
    """Return why the model of a request rejects files that it refers to.

    Args:
        request: With references in place of files.
        contents: What is known of each content, by reference.
        files: By reference, for messages.
    """
    rules = _rules_of(request)
    return [
        f"{place}: {files[found].path}: {fault} ({request.model})"
        for place, found in references_by_place(request)
        if (rule := rule_at(place, rules)) and rule.limits and found in contents
        if (fault := rule.limits.fault(contents[found]))
    ]


def resolve_relative_paths(spec: BatchSpec, folder: str) -> BatchSpec:
    """Resolve the relative paths in a spec against the folder of its file.

    Args:
        spec: The content of the file.
        folder: Of the file: a path, or `s3://bucket/prefix`.

    Example:
        >>> scene = {"prompt": "Ride", "image_urls": ["../tram.png"]}
        >>> resolve_relative_paths(BatchSpec.model_validate({"scenes": [scene]}), "s3://studio/specs").scenes[0].image_urls
        ['s3://studio/tram.png']
    """
    return map_files(spec, lambda path, _: joined(folder, path))


def foreign_files(spec: BatchSpec, folder: str) -> list[str]:
    """Return a fault for each local file that a spec in S3 names.

    Permission to write a spec into a bucket must not grant access to files of the worker.

    Args:
        spec: The content of the file.
        folder: Of the file: a path, or `s3://bucket/prefix`.

    Example:
        >>> scene = {"name": "ride", "prompt": "Ride", "image_urls": ["/etc/tram.png"]}
        >>> foreign_files(BatchSpec.model_validate({"scenes": [scene]}), "s3://studio/specs")
        ['scene "ride": /etc/tram.png: a spec in S3 can only name files in S3']
    """
    return [
        f"{source}: {file.path}: a spec in S3 can only name files in S3"
        for file, source in files_in(spec).items()
        if escapes_to_local_disk(folder, file.path)
    ]


def escapes_to_local_disk(folder: str, path: str) -> bool:
    """Return whether a path in a spec in S3 refers to the local disk of the worker."""
    return folder.startswith("s3://") and path.startswith(("/", "~"))


def joined(folder: str, path: str) -> str:
    """Join a relative path to a folder or `s3://` prefix; absolute paths are unchanged."""
    if path.startswith(("s3://", "/", "~")):
        return path
    scheme, mark, rest = folder.rpartition("://")
    return f"{scheme}{mark}{posixpath.normpath(posixpath.join(rest, path))}"


def _noting(found: dict[File, str], source: str) -> Change:
    def note(path: str, kind: Kind) -> str:
        found.setdefault(File(path, kind), source)
        return path

    return note


def _of_scene(scene: S, change: Change) -> S:
    images = [change(image, "image") if is_file(image) else image for image in scene.image_urls]
    clip = scene.character_url
    if clip and is_file(clip):
        clip = change(clip, "video")
    # A scene is made with several models; a field of one name takes the same kind of file in all.
    extra = with_files(scene.extra, Catalogue.current().fields, change)
    return scene.model_copy(update={"image_urls": images, "character_url": clip, "extra": extra})


def _of_variant(variant: V, change: Change) -> V:
    extra = with_files(variant.extra, _fields_of(variant.model), change)
    changed = variant.model_copy(update={"extra": extra})
    if isinstance(changed, Variant) and changed.fallbacks:
        fallbacks = [_of_variant(fallback, change) for fallback in changed.fallbacks]
        return changed.model_copy(update={"fallbacks": fallbacks})
    return changed


def _rules_of(request: Request) -> Mapping[str, FieldRule]:
    """The rules of a request's fields."""
    rules = Catalogue.current().rules_of(request.model)
    return (rules.section(request.section) or {}) if rules else {}


def _fields_of(model: str) -> Mapping[str, FieldRule]:
    """The fields of a model; of an unknown model, those of that name that others have."""
    catalogue = Catalogue.current()
    rules = catalogue.rules_of(model)
    return rules.fields if rules else catalogue.fields


def _of_character(character: Character, change: Change) -> Character:
    if not character.url or not is_file(character.url):
        return character
    return character.model_copy(update={"url": change(character.url, "video")})
