"""How finely an image is cut before a model sees it: the same knob for every family that has one."""

from __future__ import annotations

from math import isqrt
from typing import Any

from fakescope.errors import ModelError

PIXELS_A_TILE = 448 * 448
"""Of models that take an image at its own resolution."""


def limit_tiles(processor: Any, model: Any, most: int) -> None:
    """Let an image be cut into at most so many tiles, thumbnails not counted; families with one view keep it.

    Args:
        processor: Changed in place.
        model: Changed in place where its configuration lists the grids.
        most: At least 1.

    Raises:
        ModelError: Less than 1.
    """
    if most < 1:
        raise ModelError(f"an image cannot be cut into {most} tiles", "give 1 or more")
    pictures = processor.image_processor
    if getattr(pictures, "image_grid_pinpoints", None):
        _limit_grids(pictures, model.config, most)
    elif hasattr(pictures, "max_patches"):
        pictures.crop_to_patches = most > 1
        pictures.max_patches, pictures.min_patches = most, min(getattr(pictures, "min_patches", 1), most)
    elif hasattr(pictures, "do_image_splitting"):
        pictures.do_image_splitting = most > 1
        side = pictures.max_image_size["longest_edge"]
        pictures.size = {"longest_edge": max(1, isqrt(most)) * side}
    elif hasattr(pictures, "do_pan_and_scan"):
        pictures.do_pan_and_scan = most > 1
        pictures.pan_and_scan_max_num_crops = most
    elif hasattr(pictures, "merge_size"):
        low = min(pictures.size["shortest_edge"], most * PIXELS_A_TILE)
        pictures.size = {"shortest_edge": low, "longest_edge": most * PIXELS_A_TILE}


def _limit_grids(pictures: Any, config: Any, most: int) -> None:
    """Keep the grids of few tiles; the model must choose from the same ones as the processor."""
    tile = min(min(grid) for grid in pictures.image_grid_pinpoints)
    kept = [g for g in pictures.image_grid_pinpoints if (g[0] // tile) * (g[1] // tile) <= most]
    kept = kept or [[tile, tile]]
    pictures.image_grid_pinpoints = config.image_grid_pinpoints = kept
