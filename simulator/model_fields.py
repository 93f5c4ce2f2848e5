"""Fields and rules that many models share, in short forms for the tables of models."""

from collections.abc import Mapping

from prefect_toapis.simulator.field_rules import Items, Link, Media, Members, Taken, Text, Whole
from prefect_toapis.simulator.model_rules import GIVEN, Forbidden, Rule, apart, needs

Fields = Mapping[str, Taken]

UNLIMITED = 1_000  # where the documentation names no limit
SQUARE_TOO = ("16:9", "9:16", "1:1")
FIVE_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
WIDE_TO_TALL = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
WEB = ("http", "https")
INSIDE_THE_PROVIDER = (*WEB, "data", "asset")  # Seedance 2: data: URLs and assets

VISUAL = ("image_urls", "image_with_roles", "video_with_roles")
FRAMES = ("role:first_frame", "role:last_frame")
_REFERENCES = ("role:reference_image", "role:reference_video", "role:reference_audio")
MODES_APART: tuple[Rule, ...] = tuple(
    Forbidden(
        "image_with_roles",
        "first and last frames not together with references",
        {frame: GIVEN, reference: GIVEN},
    )
    for frame in FRAMES
    for reference in _REFERENCES
)
ONE_IMAGE_FIELD = apart("image_urls", "image_with_roles")
NO_SOUND_ALONE = needs("audio_with_roles", *VISUAL)


def prompt(longest: int | None = None) -> Fields:
    """A prompt that is required."""
    return {"prompt": Text(required=True, longest=longest)}


def optional_prompt(longest: int | None = None) -> Fields:
    """A prompt that isn't required."""
    return {"prompt": Text(longest=longest)}


def ratio(*choices: str, default: str | None = "16:9") -> Fields:
    """An aspect ratio."""
    return {"aspect_ratio": Text(choices, default)}


def images(most: int = UNLIMITED, *, required: bool = False) -> Fields:
    """A list of images without roles."""
    return {"image_urls": Items(Link("image"), most, required=required)}


def reference_images(most: int = UNLIMITED) -> Fields:
    """A list of reference images."""
    return {"reference_images": Items(Link("image"), most)}


def seconds(*choices: int, default: int | None = None) -> Fields:
    """A duration, one of a few."""
    return {"duration": Whole(choices=choices, default=default)}


def seconds_from(low: int, high: int, default: int | None, *automatic: int) -> Fields:
    """A duration in a range, or one of the values that mean an automatic one."""
    return {"duration": Whole(low, high, also=automatic, default=default)}


def resolution(*choices: str, default: str | None = None) -> Fields:
    """A resolution; the default is the first one."""
    return {"resolution": Text(choices, default or choices[0])}


def with_roles(media: Media, most: Mapping[str, int], schemes: tuple[str, ...] = WEB) -> Items:
    """A list of files with roles, so many of each."""
    role = Text(tuple(most), required=True)
    link = Link(media, required=True, schemes=schemes)
    return Items(Members({"url": link, "role": role}, most=most))


def image_roles(schemes: tuple[str, ...] = WEB, /, **most: int) -> Fields:
    """A list of images with roles, so many of each."""
    return {"image_with_roles": with_roles("image", most, schemes)}
