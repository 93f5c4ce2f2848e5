"""The provider's errors, as its documentation shows them ([D])."""

from typing import Any

from starlette.responses import Response

from prefect_toapis.simulator.error_bodies import ErrorWording, error_reply

_KINDS: dict[str, tuple[int, str]] = {  # code: (HTTP status, type)
    "invalid_request": (400, "invalid_request_error"),
    "webhook_not_configured": (400, "invalid_request_error"),
    "unauthorized": (401, "authentication_error"),
    "insufficient_quota": (402, "payment_required"),
    "task_not_found": (404, "not_found_error"),
    "content_policy_violation": (422, "content_policy_violation"),
    "rate_limit_exceeded": (429, "rate_limit_error"),
    "already_exists": (409, "conflict_error"),  # [W]
}


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        code: One of the documented codes.
        message: What is wrong, for people.

    Example:
        >>> Refusal("task_not_found", "No such task").body
        {'error': {'code': 'task_not_found', 'message': 'No such task', 'type': 'not_found_error'}}
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status, self.type = _KINDS[code]

    def reply(self, wording: ErrorWording, headers: dict[str, str]) -> Response:
        """The HTTP reply.

        Args:
            wording: How it is worded.
            headers: What else is said in its head.
        """
        status = wording.status or self.status
        code = wording.code or self.code
        error = error_reply(wording.shape, status, code, self.type, self.message)
        return Response(error.body, error.status, {**headers, "content-type": error.content_type})

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the reply."""
        return error_body(self.code, self.message, self.type)


def error_body(code: str | int, message: str, type_: str) -> dict[str, Any]:
    """The shape of every error ([D])."""
    return {"error": {"code": code, "message": message, "type": type_}}
