"""What files are, by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()
