"""prefect-aws's credentials in place of ours, whether or not prefect-aws is installed here."""

from collections.abc import Mapping
from typing import Any

from prefect.blocks.core import Block

from prefect_toapis.blocks.s3_credentials import S3Credentials

_SLUG = "aws-credentials"
_PARAMETERS = "aws_client_parameters"  # a field that only theirs have
_SAME = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "profile_name",
    "region_name",
)
_INSTEAD = "use S3 Credentials (ToAPIs) instead"


def as_s3_credentials(given: Any) -> Any:
    """Our credentials with what prefect-aws's `AwsCredentials` hold; anything else as it is.

    If they are a saved block, the result refers to that same block: a bucket saved with it keeps
    the reference, and has the new keys when they are changed there.

    Args:
        given: A block, or the data of one as Prefect's server sends it.

    Raises:
        ValueError: They hold what S3 credentials can't: TLS checks switched off, or settings of
            botocore other than the addressing style.

    Example:
        >>> as_s3_credentials({"aws_client_parameters": {}, "profile_name": "film"}).profile_name
        'film'
    """
    if isinstance(given, Block) and given.get_block_type_slug() == _SLUG:
        taken = _taken(vars(given))
        # Prefect has no public way to say which saved block an object stands for.
        taken._block_document_id = given._block_document_id  # noqa: SLF001 - as above
        taken._block_document_name = given._block_document_name  # noqa: SLF001 - as above
        return taken
    if isinstance(given, Mapping) and (
        _PARAMETERS in given or given.get("block_type_slug") == _SLUG
    ):
        return _taken(given)
    return given


def _taken(given: Mapping[str, Any]) -> S3Credentials:
    parameters = given.get(_PARAMETERS) or {}
    if not isinstance(parameters, Mapping):
        parameters = vars(parameters)
    return S3Credentials.model_validate(
        {
            **{name: given.get(name) for name in _SAME},
            "endpoint_url": parameters.get("endpoint_url"),
            "addressing_style": _addressing_style(parameters.get("config") or {}),
            "ca_bundle": _ca_bundle(parameters),
        }
    )


def _addressing_style(config: Mapping[str, Any]) -> Any:
    known = {"s3": {"addressing_style": config.get("s3", {}).get("addressing_style", "auto")}}
    if config and config != known:
        raise ValueError(
            "of the AWS client parameters' botocore config, only the addressing style can be "
            f"taken over; {_INSTEAD}"
        )
    return known["s3"]["addressing_style"]


def _ca_bundle(parameters: Mapping[str, Any]) -> str | None:
    verify = parameters.get("verify")
    if verify is False or not (parameters.get("use_ssl", True) or parameters.get("endpoint_url")):
        raise ValueError(
            "the AWS client parameters switch TLS or its checks off, which can't be taken over; "
            "give the path of a certificate instead"
        )
    path = parameters.get("verify_cert_path") or (None if verify is True else verify)
    return str(path) if path else None
