"""Shards: the parts of a large batch, each made by a run of its own."""

from collections.abc import Iterable, Sequence

from prefect_toapis.batches.plan import Shot


def shard_count(shots: int, size: int | None) -> int:
    """Into how many shards a batch is split; 1: it isn't.

    Args:
        shots: That are to be made.
        size: The most of them in a shard; None: no bound.

    Example:
        >>> shard_count(1001, 500)
        3
    """
    return 1 if size is None else max(1, -(-shots // size))


def split(shot_ids: Sequence[str], count: int) -> list[list[str]]:
    """Shards of equal size, but for one shot.

    They are dealt out like cards: what was sent before, and comes first because its results
    expire, is so in each shard.

    Args:
        shot_ids: In the order in which they are wanted.
        count: How many shards.

    Example:
        >>> split(["a", "b", "c", "d", "e"], 2)
        [['a', 'c', 'e'], ['b', 'd']]
    """
    return [list(shot_ids[number::count]) for number in range(count)]


def unplannable(shots: Iterable[Shot]) -> list[str]:
    """Why some shots can't be made by other runs: a fault for each.

    Those runs read the plan in the bucket, in which no signature of a URL is ever kept.

    Args:
        shots: That are to be made.
    """
    return [
        f"{shot.label}: it has a signed URL, and a batch in shards is read from its plan, where "
        "signatures aren't kept; name the file itself (a path, or s3://bucket/key), or leave "
        "settings.shard_size empty"
        for shot in shots
        if shot.unsigned().request != shot.request
    ]
