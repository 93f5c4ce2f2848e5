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
from prefect_toapis.planning.faults import SceneFault, merged, without_numbers
from prefect_toapis.planning.labels import rows_by_scene, scene_labels, variant_labels
from prefect_toapis.planning.spec import BatchSpec, Character, Variant

Change = Callable[[str, Kind], str]

S = TypeVar("S", bound=SceneFields)
V = TypeVar("V", bound=VariantFields)


class File(NamedTuple):
    """A file that a batch names: a path or `s3://bucket/key`, and the expected kind of media."""

    path: str
    kind: Kind


class Place(NamedTuple):
    """What names a file: `scene "tram"`, and its row in a table; 0 if it is in none."""

    name: str
    row: int = 0


def files_in(spec: BatchSpec) -> dict[File, list[Place]]:
    """Return the files that a batch names, each with all that name it.

    Example:
        >>> scene = {"name": "tram", "prompt": "Ride", "image_urls": ["./a.png"]}
        >>> files_in(BatchSpec.model_validate({"scenes": [scene]}))
        {File(path='./a.png', kind='image'): [Place(name='scene "tram"', row=0)]}
    """
    found: dict[File, list[Place]] = {}
    rows = rows_by_scene(spec)
    for label, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True):
        _of_scene(scene, _noting(found, Place(f'scene "{label}"', rows.get(label, 0))))
    for label, variant in zip(variant_labels(spec.variants), spec.variants, strict=True):
        _of_variant(variant, _noting(found, Place(f'variant "{label}"')))
    for character in spec.characters:
        _of_character(character, _noting(found, Place(f'character "{character.name}"')))
    return found


def file_faults(spec: BatchSpec, reasons: Mapping[File, str]) -> list[str]:
    """Return what is wrong with files, with the places that name them.

    Args:
        spec: Names the files.
        reasons: What is wrong with each, with or without its path.

    Example:
        >>> scene = {"name": "tram", "prompt": "Ride", "image_urls": ["./a.png"]}
        >>> spec = BatchSpec.model_validate({"scenes": [scene]})
        >>> file_faults(spec, {File("./a.png", "image"): "it is empty"})
        ['scene "tram": ./a.png: it is empty']
    """
    found = [
        _file_fault(file, place, reasons[file])
        for file, places in files_in(spec).items()
        if file in reasons
        for place in places
    ]
    return merged(found, spec.table_rows.table)


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
    found: dict[File, list[Place]] = {}
    map_request(request, _noting(found, Place("the request")))
    return list(found)


def map_request(request: VideoRequest, change: Change) -> VideoRequest:
    """Return the request with `change` applied to each file that it names."""
    without_own = request.model_copy(update={"extra": {}})
    extra = with_files(request.extra, _fields_of(request.model), change)
    return _of_scene(without_own, change).model_copy(update={"extra": extra})


class FileFault(NamedTuple):
    """Why the model of a request rejects a file.

    Args:
        field: That names it, such as `image_urls[0]`.
        path: Of the file.
        why: With the model.
    """

    field: str
    path: str
    why: str

    def __str__(self) -> str:
        """Field, path and reason, on one line."""
        return f"{self.field}: {self.path}: {self.why}"


def content_faults(
    request: Request, contents: Mapping[str, MediaContent], files: Mapping[str, File]
) -> list[FileFault]:
    """Return why the model of a request rejects files that it refers to.

    Args:
        request: With references in place of files.
        contents: What is known of each content, by reference.
        files: By reference, for messages.
    """
    rules = _rules_of(request)
    return [
        FileFault(place, files[found].path, f"{fault} ({request.model})")
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
    foreign = [file for file in files_in(spec) if escapes_to_local_disk(folder, file.path)]
    return file_faults(spec, dict.fromkeys(foreign, "a spec in S3 can only name files in S3"))


def escapes_to_local_disk(folder: str, path: str) -> bool:
    """Return whether a path in a spec in S3 refers to the local disk of the worker."""
    return folder.startswith("s3://") and path.startswith(("/", "~"))


def joined(folder: str, path: str) -> str:
    """Join a relative path to a folder or `s3://` prefix; absolute paths are unchanged.

    In S3, only the `.` and `..` of the path are resolved: other parts of a key are taken as they
    are, also empty ones.

    Example:
        >>> joined("s3://studio/a//specs", "../stills//tram 1.png")
        's3://studio/a//stills//tram 1.png'
    """
    if path.startswith(("s3://", "/", "~")):
        return path
    if not folder.startswith("s3://"):
        return posixpath.normpath(posixpath.join(folder, path))
    bucket, *parts = folder.removeprefix("s3://").split("/")
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return f"s3://{'/'.join([bucket, *parts])}"


def _file_fault(file: File, place: Place, reason: str) -> SceneFault:
    text = reason if file.path in reason else f"{file.path}: {reason}"  # as errors of S3
    kind = without_numbers(reason.replace(file.path, "")) if place.row else ""
    return SceneFault(text, place.name, place.row, kind)


def _noting(found: dict[File, list[Place]], place: Place) -> Change:
    def note(path: str, kind: Kind) -> str:
        places = found.setdefault(File(path, kind), [])
        if place not in places[-1:]:  # it may name a file twice
            places.append(place)
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
