"""Normalisation of status words, as gateways spell them ([W])."""

import re
from typing import Any, Literal

from prefect_toapis.client.excerpts import excerpt
from prefect_toapis.client.json_values import canonical, members, text_of

Status = Literal["queued", "in_progress", "completed", "failed", "unknown"]

_WORDS: dict[Status, str] = {
    "queued": (
        "queued queue queueing queuing enqueued inqueue pending submitted submit waiting created "
        "accepted scheduled received notstart notstarted preparing initialized initializing "
        "initialised initialising new none null throttled 排队中 等待中 已提交"
    ),
    "in_progress": (
        "inprogress processing process running generating rendering started starting working "
        "executing active progress ongoing uploading encoding postprocessing retry retrying "
        "restarting resuming 生成中 处理中 进行中"
    ),
    "completed": (
        "completed complete succeeded succeed success successful successfully done finished finish "
        "ok finalized 成功 完成 已完成 生成成功"
    ),
    "failed": (
        "failed failure fail error errored expired timeout timedout cancelled canceled cancel "
        "rejected refused denied blocked aborted abort terminated stopped killed invalid moderated "
        "unsuccessful crashed banned filtered contentfiltered 失败 生成失败 超时 已取消 已拒绝"
    ),
}
_STATUSES: dict[str, Status] = {
    word: status for status, words in _WORDS.items() for word in words.split()
}
_STATUSES[""] = "queued"  # [W] a submission answered with an empty status
# Before the word, as in TASK_STATUS_SUCCEED or video_generation_completed.
_PREFIXES = ("task", "job", "video", "generation", "request", "status", "state")
_ENDS_BADLY = {
    *("failed", "failure", "error", "expired", "timeout", "rejected", "cancelled", "canceled"),
}
_NOT_YET_BADLY = {"retry", "retrying", "partial", "partially", "not", "no", "non", "with"}
_STATUS_OF_OBJECT = ("state", "status", "name", "value", "phase", "code")
_LONGEST_WORD = 60  # characters, as messages show it


def read_status(value: Any) -> tuple[Status, str | None]:
    """Normalise a status; for unknown words the word itself is returned, too.

    Case, spaces, hyphens and underscores are ignored.

    Args:
        value: The JSON value of the status; [W] of any type.

    Example:
        >>> read_status(" TASK_STATUS_SUCCEED "), read_status("almost done")
        (('completed', None), ('unknown', 'almost done'))
    """
    if isinstance(value, dict):
        inner = next(members(value, _STATUS_OF_OBJECT), None)
        if isinstance(inner, str):
            return read_status(inner)
    if value is None:
        return "queued", None
    if not isinstance(value, str):
        return "unknown", excerpt(text_of(value) or repr(value), _LONGEST_WORD)
    word = _bare(canonical(value))
    status = _STATUSES.get(word) if word or not value.strip() else None
    if status is None and _ends_badly(value):
        status = "failed"
    if status is None:
        return "unknown", excerpt(value, _LONGEST_WORD) or repr(value)
    return status, None


def says_well(value: Any) -> bool:
    """Whether a status of an envelope only says that the request itself succeeded."""
    return not isinstance(value, str) or canonical(value) in {"success", "ok", "200", "0"}


def _bare(word: str) -> str:
    while word not in _STATUSES:
        prefix = next((prefix for prefix in _PREFIXES if word.startswith(prefix)), None)
        if prefix is None:
            return word
        word = word.removeprefix(prefix)
    return word


def _ends_badly(text: str) -> bool:
    """Whether it is like GENERATE_FAILED, but not like partially_failed or failed_retrying."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", text[:_LONGEST_WORD])
    tokens = [part.lower() for part in parts]
    ends = {tokens[0], tokens[-1]} if tokens else set[str]()
    return bool(ends & _ENDS_BADLY) and not set(tokens) & _NOT_YET_BADLY
