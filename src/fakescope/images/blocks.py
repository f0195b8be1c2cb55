"""The 8 x 8 blocks that JPEG compression leaves in an image: where they lie and where they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image

from fakescope.images.load import LoadedImage
from fakescope.images.paint import MAX_SIDE_PX, Plane, brightness, paint, work_window

BLOCK_PX = 8
_EDGE_CAP = 6.0
"""Grey levels: a step of the compression is small, so larger ones belong to the scene and are capped."""


@dataclass(frozen=True)
class Grid:
    """Where the blocks lie.

    Attributes:
        x_px: Columns from the left edge to the first block edge, 0-7; 0 in an image never cropped since.
        y_px: Rows from the top edge to the first block edge, 0-7.
        strength: How far the steps at this place stand out from those at other places, in their standard
            deviations; the smaller of both directions.
    """

    VISIBLE: ClassVar[float] = 4.0
    """Below this strength there is no grid to speak of; 1 in 100 images without one reaches it."""

    x_px: int
    y_px: int
    strength: float

    @property
    def is_visible(self) -> bool:
        """Whether the grid stands out clearly."""
        return self.strength >= self.VISIBLE


def find_grid(image: LoadedImage | Image.Image) -> Grid:
    """Estimate the offset of the block grid and how clearly it shows."""
    plane = brightness(work_window(image))
    x_px, x_strength = _offset(_steps(plane))
    y_px, y_strength = _offset(_steps(plane.T))
    return Grid(x_px, y_px, round(min(x_strength, y_strength), 1))


def jpeg_grid(image: LoadedImage | Image.Image) -> Image.Image:
    """How strongly each place shows the edges of the blocks, at the offset found for the whole image."""
    window = work_window(image)
    plane = brightness(window)
    across, down = _steps(plane), _steps(plane.T)
    x_px, y_px = _offset(across)[0], _offset(down)[0]
    cells = _excess(across, x_px, y_px) + _excess(down, y_px, x_px).T
    scale = min(1.0, MAX_SIDE_PX / max(window.size))
    size = (max(1, round(window.width * scale)), max(1, round(window.height * scale)))
    if cells.size == 0:
        return paint(np.zeros((size[1], size[0]), np.float32))
    cells = _smooth(cells) / (_smooth(_unevenness(across, x_px, y_px)) + 0.7)
    return paint(cells).resize(size, Image.Resampling.BILINEAR)


def grid_caption(grid: Grid) -> str:
    """What the picture shows, for this image."""
    if not grid.is_visible:
        found = "No clear grid was found: the image was compressed little, or was resized since."
    elif (grid.x_px, grid.y_px) == (0, 0):
        found = (
            "The grid starts at the top left corner, as in a file that was not cropped after its compression."
        )
    else:
        found = (
            f"The grid is shifted by {grid.x_px} px across and {grid.y_px} px down: the image was cropped or "
            "moved after a compression."
        )
    return (
        f"Bright where the 8 x 8 blocks of JPEG compression show. {found} A dark part within a bright area "
        "may be pasted or repainted, or simply smooth or overexposed. Not proof of anything."
    )


def _steps(plane: Plane) -> Plane:
    """[height, width]: how much more column x differs from x - 1 than the columns around differ, capped."""
    steps = np.zeros_like(plane)
    if plane.shape[1] < 4:
        return steps
    change = np.abs(np.diff(plane, axis=1))
    steps[:, 2:-1] = change[:, 1:-1] - 0.5 * (change[:, :-2] + change[:, 2:])
    return np.clip(steps, -_EDGE_CAP, _EDGE_CAP, out=steps)


def _offset(steps: Plane) -> tuple[int, float]:
    """The place (0-7) where steps are largest on average, and by how many deviations it stands out."""
    columns = steps.mean(axis=0)
    if columns.size < 4 * BLOCK_PX:
        return 0, 0.0
    means = np.array([columns[place::BLOCK_PX].mean() for place in range(BLOCK_PX)])
    best = int(means.argmax())
    # The neighbours of a step are lowered by it, so they say nothing of the level without one.
    others = np.delete(np.roll(means, -best), (0, 1, 7))
    return best, float((means[best] - others.mean()) / (others.std() + 0.01))


def _blocks(values: Plane, x_px: int, y_px: int) -> Plane:
    """[rows, columns, 8]: the mean over each block's rows, its columns kept apart."""
    part = values[y_px:, x_px:]
    rows, columns = part.shape[0] // BLOCK_PX, part.shape[1] // BLOCK_PX
    part = part[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return part.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=1)


def _excess(steps: Plane, x_px: int, y_px: int) -> Plane:
    """[rows, columns] of blocks: the step at each block's left edge, less those inside the block."""
    blocks = _blocks(steps, x_px, y_px)
    excess: Plane = blocks[..., 0] - blocks[..., 2:7].mean(axis=-1)
    return excess


def _unevenness(steps: Plane, x_px: int, y_px: int) -> Plane:
    """[rows, columns] of blocks: how uneven the texture is there, by which the steps are judged."""
    return 2.0 * _blocks(np.abs(steps), x_px, y_px).mean(axis=-1)


def _smooth(cells: Plane) -> Plane:
    """Mean over 5 x 5 blocks."""
    for _ in range(2):
        padded = np.pad(cells, ((2, 2), (0, 0)), mode="edge")
        shifted = np.stack([padded[row : row + len(cells)] for row in range(5)])
        cells = shifted.mean(axis=0, dtype=np.float32).T
    return cells
