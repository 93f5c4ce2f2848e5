"""Prompts in, finished videos in your own S3 bucket: a Prefect integration for the ToAPIs API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_toapis.batches.characters import CharacterCreation as CharacterCreation
    from prefect_toapis.batches.characters import MadeCharacter as MadeCharacter
    from prefect_toapis.batches.errors import BatchFailed as BatchFailed
    from prefect_toapis.batches.errors import CreationUnresolved as CreationUnresolved
    from prefect_toapis.batches.errors import DocumentDamaged as DocumentDamaged
    from prefect_toapis.batches.errors import DocumentTooNew as DocumentTooNew
    from prefect_toapis.batches.errors import EventNotTaken as EventNotTaken
    from prefect_toapis.batches.errors import GenerationShared as GenerationShared
    from prefect_toapis.batches.errors import InvalidBatch as InvalidBatch
    from prefect_toapis.batches.errors import ManifestNotWritten as ManifestNotWritten
    from prefect_toapis.batches.errors import ObjectRefused as ObjectRefused
    from prefect_toapis.batches.errors import ShardFailed as ShardFailed
    from prefect_toapis.batches.errors import StoreAccessRefused as StoreAccessRefused
    from prefect_toapis.batches.errors import StoreError as StoreError
    from prefect_toapis.batches.errors import StoreMissing as StoreMissing
    from prefect_toapis.batches.errors import StoreUnavailable as StoreUnavailable
    from prefect_toapis.batches.errors import SubmissionAbsent as SubmissionAbsent
    from prefect_toapis.batches.errors import SubmissionUnresolved as SubmissionUnresolved
    from prefect_toapis.batches.generation import Generation as Generation
    from prefect_toapis.batches.manifest import Manifest as Manifest
    from prefect_toapis.batches.manifest import StoredVideo as StoredVideo
    from prefect_toapis.batches.plan import Shot as Shot
    from prefect_toapis.batches.prices import Price as Price
    from prefect_toapis.batches.settings import LimitSettings as LimitSettings
    from prefect_toapis.batches.settings import PollingSettings as PollingSettings
    from prefect_toapis.batches.settings import PurchaseSettings as PurchaseSettings
    from prefect_toapis.batches.settings import RetrySettings as RetrySettings
    from prefect_toapis.batches.settings import RunSettings as RunSettings
    from prefect_toapis.batches.settings import ShardSettings as ShardSettings
    from prefect_toapis.batches.settings import WebhookSettings as WebhookSettings
    from prefect_toapis.batches.spec import Cast as Cast
    from prefect_toapis.batches.spec import Character as Character
    from prefect_toapis.batches.spec import Role as Role
    from prefect_toapis.batches.spec import Scene as Scene
    from prefect_toapis.batches.spec import Variant as Variant
    from prefect_toapis.blocks import S3Credentials as S3Credentials
    from prefect_toapis.blocks import ToAPIsCredentials as ToAPIsCredentials
    from prefect_toapis.blocks import VideoBucket as VideoBucket
    from prefect_toapis.client.errors import APIError as APIError
    from prefect_toapis.client.errors import BadRequest as BadRequest
    from prefect_toapis.client.errors import DownloadFailed as DownloadFailed
    from prefect_toapis.client.errors import Forbidden as Forbidden
    from prefect_toapis.client.errors import GenerationFailed as GenerationFailed
    from prefect_toapis.client.errors import InsufficientBalance as InsufficientBalance
    from prefect_toapis.client.errors import InvalidCatalogue as InvalidCatalogue
    from prefect_toapis.client.errors import InvalidRequest as InvalidRequest
    from prefect_toapis.client.errors import NotAVideo as NotAVideo
    from prefect_toapis.client.errors import NotFound as NotFound
    from prefect_toapis.client.errors import NotSent as NotSent
    from prefect_toapis.client.errors import PolicyRefused as PolicyRefused
    from prefect_toapis.client.errors import RateLimited as RateLimited
    from prefect_toapis.client.errors import ResultExpired as ResultExpired
    from prefect_toapis.client.errors import ResultMissing as ResultMissing
    from prefect_toapis.client.errors import ResultRefused as ResultRefused
    from prefect_toapis.client.errors import StillRendering as StillRendering
    from prefect_toapis.client.errors import SubmissionUnknown as SubmissionUnknown
    from prefect_toapis.client.errors import ToAPIsError as ToAPIsError
    from prefect_toapis.client.errors import Transient as Transient
    from prefect_toapis.client.errors import Unauthorized as Unauthorized
    from prefect_toapis.client.errors import Unavailable as Unavailable
    from prefect_toapis.client.errors import UnreadableReply as UnreadableReply
    from prefect_toapis.client.errors import WebhookNotConfigured as WebhookNotConfigured
    from prefect_toapis.client.requests import RemixRequest as RemixRequest
    from prefect_toapis.client.requests import VideoRequest as VideoRequest
    from prefect_toapis.flows.characters import acreate_characters as acreate_characters
    from prefect_toapis.flows.characters import create_characters as create_characters
    from prefect_toapis.flows.collect import acollect_batch as acollect_batch
    from prefect_toapis.flows.collect import collect_batch as collect_batch
    from prefect_toapis.flows.generate import agenerate_from_spec as agenerate_from_spec
    from prefect_toapis.flows.generate import agenerate_videos as agenerate_videos
    from prefect_toapis.flows.generate import asubmit_batch as asubmit_batch
    from prefect_toapis.flows.generate import generate_from_spec as generate_from_spec
    from prefect_toapis.flows.generate import generate_videos as generate_videos
    from prefect_toapis.flows.generate import submit_batch as submit_batch
    from prefect_toapis.flows.reconcile import areconcile_batch as areconcile_batch
    from prefect_toapis.flows.reconcile import reconcile_batch as reconcile_batch
    from prefect_toapis.flows.shards import arun_shard as arun_shard
    from prefect_toapis.flows.shards import run_shard as run_shard
    from prefect_toapis.tasks.balance import aget_balance as aget_balance
    from prefect_toapis.tasks.balance import get_balance as get_balance
    from prefect_toapis.tasks.characters import acreate_character as acreate_character
    from prefect_toapis.tasks.characters import apoll_character as apoll_character
    from prefect_toapis.tasks.characters import create_character as create_character
    from prefect_toapis.tasks.characters import poll_character as poll_character
    from prefect_toapis.tasks.download import adownload_video as adownload_video
    from prefect_toapis.tasks.download import download_video as download_video
    from prefect_toapis.tasks.poll import apoll_video as apoll_video
    from prefect_toapis.tasks.poll import poll_video as poll_video
    from prefect_toapis.tasks.remix import aremix_video as aremix_video
    from prefect_toapis.tasks.remix import remix_video as remix_video
    from prefect_toapis.tasks.submit import asubmit_video as asubmit_video
    from prefect_toapis.tasks.submit import submit_video as submit_video
    from prefect_toapis.tasks.uploads import aupload_clip as aupload_clip
    from prefect_toapis.tasks.uploads import aupload_image as aupload_image
    from prefect_toapis.tasks.uploads import upload_clip as upload_clip
    from prefect_toapis.tasks.uploads import upload_image as upload_image
else:  # not for type checkers, to which a misspelt name must stay an error
    # Imported when they are asked for: most programs need few of them, and Prefect alone takes a
    # second. `tests/project/test_imports.py` compares this with the imports above.
    _NAMES = {
        "batches.characters": ("CharacterCreation", "MadeCharacter"),
        "batches.errors": (
            "BatchFailed",
            "CreationUnresolved",
            "DocumentDamaged",
            "DocumentTooNew",
            "EventNotTaken",
            "GenerationShared",
            "InvalidBatch",
            "ManifestNotWritten",
            "ObjectRefused",
            "ShardFailed",
            "StoreAccessRefused",
            "StoreError",
            "StoreMissing",
            "StoreUnavailable",
            "SubmissionAbsent",
            "SubmissionUnresolved",
        ),
        "batches.generation": ("Generation",),
        "batches.manifest": ("Manifest", "StoredVideo"),
        "batches.plan": ("Shot",),
        "batches.prices": ("Price",),
        "batches.settings": (
            "LimitSettings",
            "PollingSettings",
            "PurchaseSettings",
            "RetrySettings",
            "RunSettings",
            "ShardSettings",
            "WebhookSettings",
        ),
        "batches.spec": ("Cast", "Character", "Role", "Scene", "Variant"),
        "blocks": ("S3Credentials", "ToAPIsCredentials", "VideoBucket"),
        "client.errors": (
            "APIError",
            "BadRequest",
            "DownloadFailed",
            "Forbidden",
            "GenerationFailed",
            "InsufficientBalance",
            "InvalidCatalogue",
            "InvalidRequest",
            "NotAVideo",
            "NotFound",
            "NotSent",
            "PolicyRefused",
            "RateLimited",
            "ResultExpired",
            "ResultMissing",
            "ResultRefused",
            "StillRendering",
            "SubmissionUnknown",
            "ToAPIsError",
            "Transient",
            "Unauthorized",
            "Unavailable",
            "UnreadableReply",
            "WebhookNotConfigured",
        ),
        "client.requests": ("RemixRequest", "VideoRequest"),
        "flows.characters": ("acreate_characters", "create_characters"),
        "flows.collect": ("acollect_batch", "collect_batch"),
        "flows.generate": (
            "agenerate_from_spec",
            "agenerate_videos",
            "asubmit_batch",
            "generate_from_spec",
            "generate_videos",
            "submit_batch",
        ),
        "flows.reconcile": ("areconcile_batch", "reconcile_batch"),
        "flows.shards": ("arun_shard", "run_shard"),
        "tasks.balance": ("aget_balance", "get_balance"),
        "tasks.characters": (
            "acreate_character",
            "apoll_character",
            "create_character",
            "poll_character",
        ),
        "tasks.download": ("adownload_video", "download_video"),
        "tasks.poll": ("apoll_video", "poll_video"),
        "tasks.remix": ("aremix_video", "remix_video"),
        "tasks.submit": ("asubmit_video", "submit_video"),
        "tasks.uploads": ("aupload_clip", "aupload_image", "upload_clip", "upload_image"),
    }
    _HOMES = {name: home for home, names in _NAMES.items() for name in names}
    __all__ = list(_HOMES)

    def __getattr__(name: str) -> Any:
        """Import a public name."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import_module(f"{__name__}.blocks")  # Prefect knows them then, and s3:// can be read
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """The public names, for completion, and for whoever looks for blocks here."""
        return __all__
