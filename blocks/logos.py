"""The blocks' logos.

Prefect takes only web addresses here, so they come from the icons that Prefect publishes for its
own blocks.
"""

from pydantic import HttpUrl

_PREFECT = (
    "https://raw.githubusercontent.com/PrefectHQ/prefect/"
    "420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos"
)
_PREFECT_AWS = "https://cdn.sanity.io/images/3ugk85nk/production"

KEY = HttpUrl(f"{_PREFECT}/secret.png")
FOLDER = HttpUrl(f"{_PREFECT}/filesystem.png")
AWS = HttpUrl(f"{_PREFECT_AWS}/d74b16fe84ce626345adf235a47008fea2869a60-225x225.png")
