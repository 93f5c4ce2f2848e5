"""Characters ([D]): who comes of a creation."""

import hashlib
from dataclasses import dataclass
from itertools import product

from prefect_toapis.simulator.clip_spec import Caption, ClipSpec

_FIRST = ("Turbo", "Baron", "Captain", "Velvet", "Cosmic", "Lucky", "Sunny", "Midnight")
_LAST = ("Whiskers", "Barkington", "Feathers", "Marmalade", "Pebble", "Bramble", "Comet", "Otter")
_NAMES = tuple(product(_FIRST, _LAST))
_SHORT_NAME = 10  # characters, as in `turbo_whis`
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Character:
    """Somebody who can be named in prompts.

    Args:
        id: Its id.
        username: What prompts call it, without the `@`.
        display_name: What people call it.
        picture: What its profile picture shows.
    """

    id: str
    username: str
    display_name: str
    picture: ClipSpec

    @property
    def picture_path(self) -> str:
        """The path of its profile picture at the media port; like the provider's, unsigned."""
        return f"/f/image/{self.id}.jpg"


def invent(seed: str, side: int, *, captioned: bool) -> Character:
    """A character, reproducible by its seed.

    Args:
        seed: Any text.
        side: Of its picture, in pixels.
        captioned: Whether to write its name on the picture.

    Example:
        >>> invent("0-1", 180, captioned=False).username
        'dxgmfltf.midnight_w'
    """
    digest = hashlib.sha256(seed.encode()).digest()
    first, last = _NAMES[digest[0] % len(_NAMES)]
    display_name = f"{first} {last}"
    letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[1:9])
    username = f"{letters}.{display_name.lower().replace(' ', '_')[:_SHORT_NAME]}"
    caption = Caption(f"@{username}", display_name) if captioned else None
    picture = ClipSpec(side, side, 1, caption)
    return Character(f"ch_{digest[9:15].hex()}", username, display_name, picture)
