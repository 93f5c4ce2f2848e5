"""The block with the credentials for S3 or an S3-compatible store."""

import os
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from prefect_toapis.blocks import block_fields
from prefect_toapis.blocks.block_fields import is_masked, why_masked
from prefect_toapis.blocks.object_store import (
    CONNECT_SECONDS,
    READ_SECONDS,
    RETRIES,
    S3Connection,
)
from prefect_toapis.blocks.s3_errors import NotS3, page_in_place
from prefect_toapis.blocks.streaming import REQUESTS_AT_ONCE, UPLOADS_AT_ONCE, async_twin
from prefect_toapis.client.local_files import file_fault
from prefect_toapis.client.request_logs import filter_loggers
from prefect_toapis.client.urls import base_url_fault, without_query
from prefect_toapis.errors import StoreAccessRefused

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session
    from mypy_boto3_s3 import S3Client

AddressingStyle = Literal["auto", "path", "virtual"]

_CHAIN = {  # by the names of botocore
    "env": "environment variables",
    "assume-role": "a role in the AWS config file",
    "assume-role-with-web-identity": "a web identity",
    "shared-credentials-file": "the shared credentials file",
    "custom-process": "a credential process",
    "config-file": "the AWS config file",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
    "sso": "single sign-on",
    "login": "an AWS login session",
}


class S3Credentials(CredentialsBlock):
    """Access to S3 or a compatible store. Leave it all empty to use what boto3 finds by itself.

    Keys given here come before a profile. With a role, either is only used to assume it, and
    the temporary credentials are renewed for as long as a batch takes.

    Methods that read files or use the network have an async twin: `aget_client` runs `get_client`
    in a thread.

    Args:
        aws_access_key_id: Together with the secret access key.
        aws_secret_access_key: Together with the access key ID.
        aws_session_token: For temporary keys.
        profile_name: A profile of the AWS config files on the worker.
        region_name: Such as `eu-central-1`.
        endpoint_url: For S3-compatible stores.
        addressing_style: Where the bucket's name goes: into the path or the host name.
        role_arn: A role to assume.
        role_external_id: If the role asks for one.
        role_session_name: As it shall appear in the role's audit log.
        role_duration_seconds: How long the role's keys last before they are renewed.
        ca_bundle: Path of a file with certificate authorities, on the worker.

    Example:
        ```python
        from prefect_toapis import S3Credentials

        S3Credentials(
            aws_access_key_id="AKIA...",
            aws_secret_access_key="...",
            region_name="eu-central-1",
        ).save("default")
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "S3 Credentials (ToAPIs)"
    _block_type_slug = "toapis-s3-credentials"
    _logo_url = block_fields.AWS

    aws_access_key_id: str | None = Field(
        default=None,
        title="Access key ID",
        description="Empty: what boto3 finds on the worker (environment, profile, IAM role).",
    )
    aws_secret_access_key: SecretStr | None = Field(default=None, title="Secret access key")
    aws_session_token: SecretStr | None = Field(
        default=None, title="Session token", description="Only for temporary keys."
    )
    region_name: str | None = Field(
        default=None, title="Region", description="Such as eu-central-1."
    )
    endpoint_url: str | None = Field(
        default=None,
        title="Endpoint URL",
        description="For S3-compatible stores, such as https://minio.example:9000. Empty: AWS.",
    )
    addressing_style: AddressingStyle = Field(
        default="auto",
        title="Addressing style",
        description="Where the bucket's name goes: path is right for most stores of one's own, "
        "virtual puts it into the host name.",
    )
    profile_name: str | None = Field(
        default=None,
        title="Profile",
        description="A profile of the AWS config files on the worker.",
    )
    role_arn: str | None = Field(
        default=None,
        title="Role to assume",
        description="Its ARN. The keys, profile or chain are then only used to assume it.",
    )
    role_external_id: str | None = Field(
        default=None, title="Role: external ID", description="If the role asks for one."
    )
    role_session_name: str = Field(
        default="prefect-toapis",
        pattern=r"^[\w+=,.@-]{2,64}$",
        title="Role: session name",
        description="As it shall appear in the role's audit log.",
    )
    role_duration_seconds: int | None = Field(
        default=None,
        ge=900,
        le=43_200,
        title="Role: duration",
        description="How long its keys last, in seconds, before they are renewed. Empty: an hour.",
    )
    ca_bundle: str | None = Field(
        default=None,
        title="CA bundle",
        description="Path of a file with the certificate authorities to trust, on the worker.",
    )

    @field_validator(
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "region_name",
        "endpoint_url",
        "profile_name",
        "role_arn",
        "role_external_id",
        "ca_bundle",
        mode="before",
    )
    @classmethod
    def _blank_is_not_given(cls, value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return None if isinstance(text, str) and not text.strip() else value

    @field_validator("endpoint_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if fault := base_url_fault(value):
            raise ValueError(f"{fault} such as https://minio.example:9000")
        if without_query(value) != value:
            raise ValueError("give the URL without user, password and parameters")
        return value.strip()

    @field_validator("ca_bundle")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:  # a URL may hold a password, and isn't read
            raise ValueError("give the path of a file, not a URL")
        return value

    @model_validator(mode="after")
    def _keys_are_whole(self) -> Self:
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
            raise ValueError("give both, access key ID and secret access key, or neither")
        if self.aws_session_token and not self.aws_access_key_id:
            raise ValueError("a session token needs the access key ID and secret it belongs to")
        return self

    def problem(self) -> str | None:
        """Return why the credentials can't be used on this worker; None if no problem was found."""
        if self.aws_secret_access_key and is_masked(self.aws_secret_access_key):
            return why_masked("secret access key")
        if self.aws_session_token and is_masked(self.aws_session_token):
            return why_masked("session token")
        if self.ca_bundle and (fault := file_fault(self.ca_bundle)):
            return f"there is no CA bundle {self.ca_bundle} on this worker: {fault}"
        return None

    aproblem: ClassVar = async_twin(problem)

    def describe(self) -> str:
        """Describe the credentials in use, without secrets, for messages.

        Without keys or profile, botocore's chain is resolved, which may read files and use the
        network.

        Example:
            >>> S3Credentials(profile_name="videos").describe()
            'profile videos'
        """
        if self.aws_access_key_id:
            source = f"keys {_shortened(self.aws_access_key_id)} given in the block"
        elif self.profile_name:
            source = f"profile {self.profile_name}"
        else:
            source = f"boto3's own chain ({_found()})"
        return f"role {self.role_arn} assumed by {source}" if self.role_arn else source

    adescribe: ClassVar = async_twin(describe)

    def get_client(self, client_type: Literal["s3"] = "s3") -> "S3Client":
        """Create a boto3 client with these credentials; it is thread-safe.

        Args:
            client_type: The service; only S3 is supported.

        Raises:
            StoreAccessRefused: There is a `problem`.
            botocore.exceptions.BotoCoreError: The profile, region or credentials are invalid.

        Example:
            ```python
            S3Credentials.load("default").get_client().list_buckets()
            ```
        """
        if client_type != "s3":
            raise ValueError(f"{client_type}: only S3 is supported")
        return self.connect().client

    aget_client: ClassVar = async_twin(get_client)

    def connect(self, region: str | None = None) -> S3Connection:
        """Create a boto3 client and its session. Raises like `get_client`.

        Args:
            region: In place of the credentials' own.
        """
        import boto3  # noqa: PLC0415 - 0.4 s, so only when it is needed

        filter_loggers("boto3", "botocore", "s3transfer", "urllib3")
        if problem := self.problem():
            raise StoreAccessRefused(f"The S3 credentials can't be used: {problem}")
        session = self._session_with_keys()
        if self.role_arn:
            session = self._session_assuming(self.role_arn, session)
        own_endpoint = bool(self.endpoint_url or _has_endpoint(session))
        client = boto3.Session(botocore_session=session).client(
            "s3",
            region_name=region,
            endpoint_url=self.endpoint_url,
            verify=self.ca_bundle,
            config=self._config(session, own_endpoint=own_endpoint),
        )
        if "@" in client.meta.endpoint_url:  # by AWS_ENDPOINT_URL or the AWS config file
            raise StoreAccessRefused(
                "The endpoint URL in the environment or the AWS config file holds a user name or "
                "password: give it without them"
            )
        refuse = partial(_refuse_page, client.meta.endpoint_url)
        client.meta.events.register("response-received.s3", refuse)
        ca_bundle = self.ca_bundle or session.get_config_variable("ca_bundle")
        return S3Connection(client, session, ca_bundle, own_endpoint)

    def _session(self) -> "Session":
        from botocore.session import Session  # noqa: PLC0415 - as above

        session = Session(profile=self.profile_name)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        if self.region_name:
            session.set_config_variable("region", self.region_name)
        return session

    def _session_with_keys(self) -> "Session":
        session = self._session()
        if self.aws_access_key_id and self.aws_secret_access_key:
            token = self.aws_session_token
            session.set_credentials(
                self.aws_access_key_id,
                self.aws_secret_access_key.get_secret_value(),
                token.get_secret_value() if token else None,
            )
        return session

    def _session_assuming(self, role_arn: str, source: "Session") -> "Session":
        from botocore.credentials import (  # noqa: PLC0415 - as above
            AssumeRoleCredentialFetcher,
            CredentialProvider,
            CredentialResolver,
            DeferredRefreshableCredentials,
        )
        from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - as above

        own = source.get_credentials()
        if own is None:
            raise NoCredentialsError
        extra: dict[str, Any] = {"RoleSessionName": self.role_session_name}
        if self.role_external_id:
            extra["ExternalId"] = self.role_external_id
        if self.role_duration_seconds:
            extra["DurationSeconds"] = self.role_duration_seconds
        sts = partial(
            source.create_client,
            # Unlike S3, STS needs a region.
            region_name=source.get_config_variable("region") or "us-east-1",
            # The CA bundle of an S3-compatible store is not for STS.
            verify=None if self.endpoint_url else self.ca_bundle,
        )
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=sts,
            source_credentials=own,
            role_arn=role_arn,
            extra_args=extra,
        )

        class AssumedRole(CredentialProvider):
            METHOD = "assume-role"

            def load(self) -> DeferredRefreshableCredentials:
                return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)

        session = self._session()
        session.register_component("credential_provider", CredentialResolver([AssumedRole()]))
        return session

    def _config(self, session: "Session", *, own_endpoint: bool) -> "Config":
        from botocore.config import Config  # noqa: PLC0415 - as above

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1 + RETRIES},
            max_pool_connections=REQUESTS_AT_ONCE + UPLOADS_AT_ONCE,
            user_agent_extra=f"prefect-toapis/{version('prefect-toapis')}",
            signature_version="s3v4",  # boto3's default for links in older regions is version 2
            s3={"addressing_style": self.addressing_style},
        )
        if not own_endpoint:
            return config
        # Many S3-compatible stores refuse the checksums that boto3 sends by default.
        lenient: dict[str, Any] = {
            name: "when_required"
            for name in ("request_checksum_calculation", "response_checksum_validation")
            if not _is_set(session, name)
        }
        return config.merge(Config(**lenient))


@cache
def _loader(data_path: str | None) -> "Loader":
    """Return botocore's descriptions of services, which take half of the time to make a client."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - 0.4 s, so only when needed

    return create_loader(data_path)


def _has_endpoint(session: "Session") -> bool:
    """Return whether the environment or the AWS config file sets an endpoint for S3.

    botocore has no public function for this without a client; the order of sources is the same.
    """
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return False
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    of_s3 = services.get("s3")
    return bool(
        os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or (isinstance(of_s3, dict) and of_s3.get("endpoint_url"))
        or profile.get("endpoint_url")
    )


def _is_set(session: "Session", name: str) -> bool:
    """Return whether a setting is set in the environment or the AWS config file."""
    return bool(os.environ.get(f"AWS_{name.upper()}") or session.get_scoped_config().get(name))


def _refuse_page(endpoint: str, response_dict: dict[str, Any] | None, **_: Any) -> None:
    """Called by botocore with each response, before it decides whether to retry."""
    if response_dict is None:
        return
    what = page_in_place(
        response_dict["context"]["operation_name"],
        response_dict["status_code"],
        response_dict["headers"],
        response_dict["body"],
    )
    if what:
        raise NotS3(endpoint, what)


def _shortened(key_id: str) -> str:
    return f"{key_id[:4]}…{key_id[-4:]}" if len(key_id) > 12 else f"{key_id[:2]}…"


def _found() -> str:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - 0.4 s, so only when needed
    from botocore.session import Session  # noqa: PLC0415 - as above

    try:
        found = Session().get_credentials()
    except BotoCoreError as error:
        return f"broken: {error}"
    return f"found: {_CHAIN.get(found.method, found.method)}" if found else "found none"
