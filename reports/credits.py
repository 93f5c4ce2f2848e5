"""What the rows of a manifest cost, by the user's prices. Pure."""

from collections import Counter
from collections.abc import Sequence

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.planning.pricing import Price, Unpriced, cost_of, generation_credits
from prefect_toapis.reports.manifest import Manifest, ManifestRow


def with_credits(manifest: Manifest, prices: Sequence[Price], catalogue: Catalogue) -> Manifest:
    """Return the manifest with what each row cost; a generation is split over its outputs.

    Rows that may not have been bought, or have no price, cost an unknown number of credits.

    Args:
        manifest: Of the batch.
        prices: In use now.
        catalogue: Provides defaults, and which fields take files.
    """
    outputs = Counter(row.shot_id for row in manifest.rows)

    def priced(row: ManifestRow) -> ManifestRow:
        if row.money != "spent":
            return row
        credits_ = _credits_of(row, prices, catalogue)
        if isinstance(credits_, Unpriced):
            return row
        return row.model_copy(update={"credits": credits_ / outputs[row.shot_id]})

    return manifest.model_copy(update={"rows": list(map(priced, manifest.rows))})


def spent_by_run(bought: Sequence[ManifestRow], characters: Sequence[float | Unpriced]) -> str:
    """Describe what a run spent; empty if it bought nothing.

    Args:
        bought: The rows that were bought by the run, or may be, with their credits.
        characters: The prices of the characters that it bought.

    Example:
        >>> spent_by_run([], [40.0])
        'spent about 40 credits ($0.20)'
    """
    of_rows = [Unpriced(row.label) if row.credits is None else row.credits for row in bought]
    if not of_rows and not characters:
        return ""
    cost = cost_of([], [*of_rows, *characters])
    return f"spent {'' if cost.unpriced else 'about '}{cost.in_words}"


def _credits_of(
    row: ManifestRow, prices: Sequence[Price], catalogue: Catalogue
) -> float | Unpriced:
    return generation_credits({**row.request, "model": row.model}, prices, catalogue)
