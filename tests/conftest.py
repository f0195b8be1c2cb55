"""What several rooms of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import make_jpeg

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    """A small JPEG with some structure."""
    return make_jpeg(tmp_path / "photo.jpg")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real images, where it is there."""
    if not (DATA / "labels.csv").is_file():
        pytest.skip("the shared images are not here")
    return DATA
