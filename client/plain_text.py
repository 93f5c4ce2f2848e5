r"""Untrusted text (of the provider, a user or a store), made safe to show.

Control characters that a terminal, a log or a browser would interpret are escaped as in Python: ESC
as `\x1b`, a bidirectional override as `\u202e`. In errors and log lines URLs lose their secret
parts, too. Stored text is unchanged.

Each output channel calls this in a single place: errors in `ToAPIsError`, log lines in
`LinesOfOurs`; `SECURITY.md` lists the others.
"""

import logging
import re
from pathlib import Path
from typing import Any

from prefect_toapis.client.urls import without_queries

LONGEST = 2000  # characters of an untrusted text

# C0, DEL and C1; line and paragraph separators; embeddings, overrides and isolates of the
# bidirectional algorithm; invisible characters except joiners (needed for emoji and Persian);
# lone surrogates; Unicode's noncharacters.
_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2065\u206a-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_OWN_LINE = re.compile(r"\n(?=  )")  # this package indents the lines of its lists
_PACKAGE = str(Path(__file__).parent.parent)


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Escape the control characters of a text, so that it is a single line.

    Args:
        text: Of any origin.
        longest: The maximum length in characters; longer text is cut off with `…`.

    Example:
        >>> printable("\x1b[2Jdone\nINFO all is well")
        '\\x1b[2Jdone\\nINFO all is well'
        >>> printable("A long story", longest=7)
        'A long…'
    """
    shown = _ACTIVE.sub(_escaped, text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""Like `printable`, with line breaks and repeated white space replaced by a space.

    Example:
        >>> one_line("<p>\n  Not \x1b[31mhere\n</p>")
        '<p> Not \\x1b[31mhere </p>'
    """
    return printable(" ".join(text.split()), longest)


def shown_line(text: str, longest: int = LONGEST) -> str:
    """Like `printable`, and URLs lose their secret parts; see `without_queries`.

    Example:
        >>> shown_line("Can't read s3://studio/cat.png?X-Signature=ab12")
        "Can't read s3://studio/cat.png"
    """
    return printable(without_queries(text), longest)


def printable_lines(text: str) -> str:
    r"""Like `printable`, of any length, but indented lines stay lines, as in lists of faults.

    A line without indentation could be mistaken for a separate log record.

    Example:
        >>> print(printable_lines("2 problems:\n  - one\n  - two\nERROR \x07"))
        2 problems:
          - one
          - two\nERROR \x07
    """
    return "\n".join(_ACTIVE.sub(_escaped, line) for line in _OWN_LINE.split(text))


def visible(value: Any) -> Any:
    r"""A JSON value with its strings escaped for a page, except line breaks and tabs.

    Example:
        >>> visible({"prompt": ["A dog\x1b"]})
        {'prompt': ['A dog\\x1b']}
    """
    if isinstance(value, str):
        return _ACTIVE.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found), value)
    if isinstance(value, (list, tuple)):
        return [visible(item) for item in value]
    if isinstance(value, dict):
        return {visible(name): visible(member) for name, member in value.items()}
    return value


def json_escaped(document: str) -> str:
    r"""An equivalent JSON document with control characters escaped.

    Example:
        >>> json_escaped('"\u202e"')
        '"\\u202e"'
    """
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


class LinesOfOurs(logging.Filter):
    """Makes this package's log records safe to show; other records of a logger are unchanged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Escape and redact the record; return True."""
        if record.pathname.startswith(_PACKAGE):
            message = record.getMessage()
            safe = printable_lines(without_queries(message))
            if safe != message:
                record.msg, record.args = safe, None
        return True


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


# Filters apply to the logger that is called, not to its children: these are all that are called.
for _name in ("prefect_toapis", "prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(LinesOfOurs())
