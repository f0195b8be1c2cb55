"""A loaded image for reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescope.images.load import LoadedImage, load_image


@pytest.fixture
def image(jpeg: Path) -> LoadedImage:
    return load_image(jpeg)
