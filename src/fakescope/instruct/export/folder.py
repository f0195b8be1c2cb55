"""The folder of an export: what may be written over, and how a new one takes the place of an old one."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from fakescope.errors import DataError

MARKER = "export.json"
"""List of contents of an export; what has one may be replaced."""


def require_free(out: Path, *read: Path) -> None:
    """Refuse to write over anything but an export.

    Args:
        out: Where the export goes.
        read: Folders that it is made from.

    Raises:
        DataError: The folder holds something else, or what is to be read.
    """
    for folder in read:
        if folder.resolve().is_relative_to(out.resolve()):
            raise DataError(f"{folder} lies in {out}, which would be replaced", "name another folder")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise DataError(f"{out} exists and is no folder", "name another folder")
    if out.is_dir() and any(out.iterdir()) and not _is_export(out):
        raise DataError(f"{out} is not empty and not an export", "name another folder")


def swap(made: Path, out: Path) -> None:
    """Put a complete folder in place of what is there; if that fails, what was there stays."""
    if not out.exists():
        made.replace(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    out.replace(old)
    try:
        made.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _is_export(out: Path) -> bool:
    try:
        held = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and {"format", "splits", "files"} <= held.keys()
