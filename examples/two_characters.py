"""Two clips in, twelve videos out: who is in the clips plays alone and together.

Run it as `python examples/two_characters.py turbo.mp4 baron.mp4`. Account and bucket come from
the Prefect blocks named "default", or else from TOAPIS_API_KEY and TOAPIS_BUCKET.
"""

import sys

from prefect import flow

from prefect_toapis import (
    Cast,
    Character,
    Manifest,
    Role,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    generate_videos,
)

SCENES = [
    Scene(name="tram", prompt="{character} on a yellow tram through Lisbon at golden hour"),
    Scene(name="market", prompt="{character} at the fish market, handheld camera"),
]
VARIANTS = [
    Variant(name="wide", duration=10, aspect_ratio="16:9"),
    Variant(name="tall", duration=10, aspect_ratio="9:16"),
]
USUAL = RunSettings()
CASTS = [
    Cast(roles=[Role(character="Turbo")]),
    Cast(roles=[Role(character="Baron")]),
    Cast(name="both", roles=[Role(character="Turbo"), Role(character="Baron")]),
]


@flow
def two_characters(
    turbo: str,
    baron: str,
    scenes: list[Scene] = SCENES,
    credentials: ToAPIsCredentials | None = None,
    bucket: VideoBucket | None = None,
    settings: RunSettings = USUAL,
) -> Manifest:
    """Make two characters, each paid once, and 2 scenes x 2 variants x 3 casts with them.

    Args:
        turbo: A clip that shows Turbo in its second and third second: a path, or s3://bucket/key.
        baron: Likewise, of Baron.
        scenes: The prompts.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket for the videos. Empty: the block named "default".
        settings: Timeouts, limits and retries.
    """
    return generate_videos(
        scenes,
        VARIANTS,
        [
            Character(name="Turbo", url=turbo, timestamps="1,3"),
            Character(name="Baron", url=baron, timestamps="1,3"),
        ],
        CASTS,
        batch="two-characters",
        credentials=credentials,
        bucket=bucket,
        settings=settings,
    )


if __name__ == "__main__":
    for video in two_characters(*sys.argv[1:3]).stored:
        print(video.label, video.uri)
