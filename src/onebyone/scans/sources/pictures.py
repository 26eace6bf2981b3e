"""Pictures that Pillow reads, as sources."""

from importlib.metadata import version
from pathlib import Path

from onebyone.scans.sources.arrays import DecodedSource


def picture_source(path: Path, select: dict[str, tuple[int, ...]], space: int) -> DecodedSource:
    """A PNG, JPEG, WebP …: decoded once, and held whole in memory.

    Its alpha channel is left out and it is turned upright, as `read_image` does.

    Raises:
        InputError: it is damaged.
    """
    return DecodedSource(path, select, space, f"pillow {version('pillow')}")
