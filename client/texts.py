"""Texts from elsewhere, made safe for a line of a log, a name or a message."""

_SHOWN = 200  # characters


def printable(text: str, most: int = _SHOWN) -> str:
    r"""A text without control characters, on one line, and not too long.

    Args:
        text: From elsewhere, such as a task id of the provider's.
        most: Characters that are kept.

    Example:
        >>> printable("video_1\x1b[31m")
        'video_1?[31m'
    """
    shown = "".join(char if char.isprintable() else "?" for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[:most]}..."
