"""Text from elsewhere in Prefect's artifacts: shown as it is, in both versions of its UI. Pure."""

import re

from prefect_toapis.client.plain_text import one_line

_SHOWN = 10_000  # characters
# With a backslash, as the older UI shows HTML entities as they are.
_MARKUP = re.compile(r"[\\`*_\[\](){}<>#|~&!:@\"'$^]|^[-+=]|(?<=\d)\.(?!\w)")
# The newer UI makes links of addresses even if they are escaped, unless they are interrupted.
_ADDRESS = re.compile(r"https?\\:(?=//)|www(?=\.)|[\w.+-](?=\\@)", re.IGNORECASE)
_ANY_MARKUP = re.compile(
    r"[\\`*\[\]<>&~@]|__|\b_|_\b|^[-+=#]|^\d+[.)](?!\S)|(?:https?|ftp)://|www\.", re.IGNORECASE
)


def plain(text: str, longest: int = _SHOWN) -> str:
    r"""Escape a text for Markdown, in one line. The text of a link can't be escaped.

    Example:
        >>> print(plain("<b>*a* | b"))
        \<b\>\*a\* \| b
    """
    escaped = _MARKUP.sub(r"\\\g<0>", one_line(text, longest))
    return _ADDRESS.sub(r"\g<0><wbr>", escaped)


def plain_lines(text: str) -> str:
    r"""Escape a text for Markdown, with its line breaks.

    Example:
        >>> plain_lines("a dog\nruns")
        'a dog<br>runs'
    """
    return "<br>".join(map(plain, text.strip()[:_SHOWN].split("\n")))


def in_attribute(text: str) -> str:
    """Escape a text for the attribute of an HTML element within Markdown.

    Example:
        >>> in_attribute('"a" | b')
        '&#34;a&#34; &#124; b'
    """
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", one_line(text, _SHOWN))


def in_table(text: str, longest: int = _SHOWN) -> str:
    """Return a text for a cell of a table artifact.

    The newer UI shows cells as they are. The older one renders Markdown and HTML, scripts of links
    included, but nothing within an indented line, which the newer one shows without its indent.

    Example:
        >>> in_table("tram / wide")
        'tram / wide'
        >>> in_table("<b>")
        '    <b>'
    """
    line = one_line(text, longest)
    return f"    {line}" if _ANY_MARKUP.search(line) else line
