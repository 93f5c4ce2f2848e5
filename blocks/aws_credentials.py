"""Accepts credentials blocks of prefect-aws, whether or not prefect-aws is installed."""

from collections.abc import Mapping
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel

from prefect_toapis.blocks.prefect_internals import refer_to_document_of
from prefect_toapis.blocks.s3_credentials import S3Credentials

_SLUG = "aws-credentials"
# Fields that only theirs have.
_PARAMETERS = "aws_client_parameters"
_ROLE, _ROLE_PARAMETERS = "assume_role_arn", "assume_role_kwargs"  # since prefect-aws 0.7
_THEIRS = frozenset({_PARAMETERS, _ROLE, _ROLE_PARAMETERS})
_SAME = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "profile_name",
    "region_name",
)
_OF_ROLE = {
    "RoleSessionName": "role_session_name",
    "ExternalId": "role_external_id",
    "DurationSeconds": "role_duration_seconds",
}
_OF_CLIENT = ("endpoint_url", "config", "use_ssl", "verify", "verify_cert_path", "api_version")
_API_VERSIONS = {None, "", "2006-03-01"}  # of S3, there is one
_INSTEAD = "use S3 Credentials (ToAPIs) instead"


def as_s3_credentials(given: Any) -> Any:
    """Convert prefect-aws's `AwsCredentials` to our credentials; return anything else unchanged.

    If they are a saved block, the result refers to the same block: a bucket saved with it keeps
    the reference, and gets new keys when they are changed there.

    Args:
        given: A block, or the data of a block from Prefect's server.

    Raises:
        ValueError: They have settings that our credentials don't support: disabled TLS checks,
            botocore settings other than the addressing style, role settings other than session
            name, external id and duration, or unknown fields.

    Example:
        >>> as_s3_credentials({"aws_client_parameters": {}, "profile_name": "film"}).profile_name
        'film'
    """
    if isinstance(given, Block) and given.get_block_type_slug() == _SLUG:
        # An older prefect-aws keeps what a newer one saved among the extras.
        taken = _taken({**vars(given), **(given.model_extra or {})})
        refer_to_document_of(taken, given)
        return taken
    if isinstance(given, Mapping) and (
        given.keys() & _THEIRS or given.get("block_type_slug") == _SLUG
    ):
        return _taken(given)
    return given


def _taken(given: Mapping[str, Any]) -> S3Credentials:
    known = {*_SAME, *_THEIRS, "block_type_slug"}
    _refuse_others({name: value for name, value in given.items() if name[:1] != "_"}, known, "")
    parameters = _fields(given.get(_PARAMETERS), _PARAMETERS)
    _refuse_others(parameters, _OF_CLIENT, f"{_PARAMETERS}.")
    if parameters.get("api_version") not in _API_VERSIONS:
        raise ValueError(f"{_PARAMETERS}.api_version is not supported; {_INSTEAD}")
    return S3Credentials.model_validate(
        {
            **{name: given.get(name) for name in _SAME},
            **_role(given),
            "endpoint_url": parameters.get("endpoint_url"),
            "addressing_style": _addressing_style(parameters.get("config")),
            "ca_bundle": _ca_bundle(parameters),
        }
    )


def _fields(value: Any, name: str) -> Mapping[str, Any]:
    if isinstance(value, BaseModel):
        return {**vars(value), **(value.model_extra or {})}
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{name} is not an object")
    return value or {}


def _refuse_others(given: Mapping[str, Any], known: Any, place: str) -> None:
    """Refuse unknown settings, because ignoring them silently could be harmful."""
    others = [f"{place}{name}" for name, value in given.items() if name not in known and value]
    if others:
        raise ValueError(f"{', '.join(others)}: not supported; {_INSTEAD}")


def _role(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the role to assume; without a role, its parameters are ignored as in prefect-aws."""
    if not given.get(_ROLE):
        return {}
    parameters = _fields(given.get(_ROLE_PARAMETERS), _ROLE_PARAMETERS)
    _refuse_others(parameters, _OF_ROLE, f"{_ROLE_PARAMETERS}.")
    taken = {ours: parameters.get(theirs) for theirs, ours in _OF_ROLE.items()}
    return {"role_arn": given[_ROLE], **{name: value for name, value in taken.items() if value}}


def _addressing_style(config: Any) -> Any:
    config = config or {}
    of_s3 = config.get("s3") if isinstance(config, Mapping) else None
    style = of_s3.get("addressing_style", "auto") if isinstance(of_s3, Mapping) else "auto"
    if config and config != {"s3": {"addressing_style": style}}:
        raise ValueError(
            "in the botocore config of the AWS client parameters, only the addressing style is "
            f"supported; {_INSTEAD}"
        )
    return style


def _ca_bundle(parameters: Mapping[str, Any]) -> str | None:
    verify = parameters.get("verify")
    if verify is False or not (parameters.get("use_ssl", True) or parameters.get("endpoint_url")):
        raise ValueError(
            "the AWS client parameters disable TLS or its checks, which is not supported; "
            "give the path of a certificate instead"
        )
    path = parameters.get("verify_cert_path") or (None if verify is True else verify)
    return str(path) if path else None
