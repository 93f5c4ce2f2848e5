r"""Text from elsewhere (the provider, a spec, the bucket), made safe to show.

In errors and log lines, URLs lose what may be secret, too.

What a terminal, a log or a browser would act upon is shown as Python would write it: ESC as
`\x1b`, a bidirectional override as `\u202e`. What is stored stays as it was.

Each channel has one place that calls this:

| channel | where |
| --- | --- |
| errors, and so Prefect's states and the manifest's `error` | `client.errors.ToAPIsError` |
| log lines | `LinesOfOurs`, on the loggers that this package writes to |
| labels, and so names of task runs, tables, bars and events | `batches.naming.shot_label` |
| names of flow runs and task runs | `flows.run_names.name_of`, `tasks.steps.named` |
| the terminal | `cli.console` |
| the page | `visible` in `batches/gallery.js`, which shows them; the file has them escaped |
| artifacts | `batches.reports.plain` |
"""

import logging
import re
from pathlib import Path
from typing import Any

from prefect_toapis.client.urls import without_queries

LONGEST = 2000  # characters of a text of the provider

# C0, DEL and C1; line and paragraph separators; embeddings, overrides and isolates of the
# bidirectional algorithm; what is invisible and joins nothing (joiners make emoji and Persian);
# halves of surrogate pairs; what Unicode calls no characters.
_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2065\u206a-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_OWN_LINE = re.compile(r"\n(?=  )")  # as this package writes lists: each line is indented
_PACKAGE = str(Path(__file__).parent.parent)


def printable(text: str, longest: int = LONGEST) -> str:
    r"""A text in one line, with nothing in it that a terminal, a log or a page acts upon.

    Args:
        text: From anywhere.
        longest: Characters of the result, at most; what is cut off ends in `…`.

    Example:
        >>> printable("\x1b[2Jdone\nINFO all is well")
        '\\x1b[2Jdone\\nINFO all is well'
        >>> printable("A long story", longest=7)
        'A long…'
    """
    shown = _ACTIVE.sub(_escaped, text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""Like `printable`, with a blank in place of line breaks and of blanks in a row.

    Example:
        >>> one_line("<p>\n  Not \x1b[31mhere\n</p>")
        '<p> Not \\x1b[31mhere </p>'
    """
    return printable(" ".join(text.split()), longest)


def shown_line(text: str, longest: int = LONGEST) -> str:
    """Like `printable`, and the URLs in it lose what may be secret; see `without_queries`.

    Example:
        >>> shown_line("Can't read s3://studio/cat.png?X-Signature=ab12")
        "Can't read s3://studio/cat.png"
    """
    return printable(without_queries(text), longest)


def printable_lines(text: str) -> str:
    r"""Like `printable`, of any length; lines that are indented stay lines, as in lists of faults.

    A line that isn't indented could be taken for a line of the log by itself.

    Example:
        >>> print(printable_lines("2 problems:\n  - one\n  - two\nERROR \x07"))
        2 problems:
          - one
          - two\nERROR \x07
    """
    return "\n".join(_ACTIVE.sub(_escaped, line) for line in _OWN_LINE.split(text))


def visible(value: Any) -> Any:
    r"""A JSON value whose texts are safe in a page; they keep their line breaks and tabs.

    Example:
        >>> visible({"prompt": ["A dog\x1b"]})
        {'prompt': ['A dog\\x1b']}
    """
    if isinstance(value, str):
        return _ACTIVE.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found), value)
    if isinstance(value, (list, tuple)):
        return [visible(one) for one in value]
    if isinstance(value, dict):
        return {visible(name): visible(one) for name, one in value.items()}
    return value


def json_escaped(document: str) -> str:
    r"""A JSON document of the same value, with nothing in it that isn't read but acted upon.

    Example:
        >>> json_escaped('"\u202e"')
        '"\\u202e"'
    """
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


class LinesOfOurs(logging.Filter):
    """Makes what this package logs safe to show; what others log through a logger is theirs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, made safe."""
        if record.pathname.startswith(_PACKAGE):
            message = record.getMessage()
            safe = printable_lines(without_queries(message))
            if safe != message:
                record.msg, record.args = safe, None
        return True


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


# Filters hold for the loggers that are called, not for their children: these are all that are.
for _name in ("prefect_toapis", "prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(LinesOfOurs())
