"""A repository of small pictures, some of them unfit, and a table of sources that names it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from fakescope.chain.collect.rules import COLUMNS

OWNER = "someone/pictures"


def picture(
    seed: int, size: tuple[int, int] = (300, 240), format: str = "PNG", quality: int = 90, grain: int = 6
) -> bytes:
    """Smooth random blobs, so that JPEG and resizing keep what it looks like; `grain` of them along a side."""
    small = np.random.default_rng(seed).integers(0, 256, (grain, grain, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(buffer, format, quality=quality)
    return buffer.getvalue()


FILES = {
    "real/a.png": picture(1),
    "real/a_again.png": picture(1),
    "real/a_saved_anew.jpg": picture(1, format="JPEG", quality=60),
    "real/large.jpg": picture(2, (1300, 900), "JPEG"),
    "real/small.png": picture(3, (199, 400)),
    "real/flat.png": picture(4, (1, 1)),
    "real/broken.png": picture(5)[:300],
    "real/pointer.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "real/notes.txt": b"not an image",
    "real/..%2f..\\..\\evil\n.png": picture(6),
    "fake/sheet_of_cats.webp": picture(7, (800, 800), "WEBP"),
    "fake/nsfw.png": picture(8),
}
flat = io.BytesIO()
Image.new("RGB", (300, 300), "grey").save(flat, "PNG")
FILES["real/flat.png"] = flat.getvalue()


def git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "t", f"GIT_{who}_EMAIL": "t@example.org"}
    done = subprocess.run(
        ["git", "--git-dir", str(folder), *arguments], input=data, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def tree_of(folder: Path, entries: dict[str, str]) -> str:
    """A tree object with such entries `name -> "mode type sha"`, however odd the names are."""
    lines = b"".join(f"{about}\t{name}\0".encode() for name, about in entries.items())
    return git(folder, "mktree", "-z", data=lines)


def make_mirror(tmp_path: Path) -> Path:
    """A folder with one bare repository of FILES; a link pretends to be an image too."""
    folder = tmp_path / "mirror" / OWNER.replace("/", "+")
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    rooms: dict[str, dict[str, str]] = {}
    for path, data in FILES.items():
        room, name = path.split("/", 1)
        blob = git(folder, "hash-object", "-w", "--stdin", data=data)
        rooms.setdefault(room, {})[name] = f"100644 blob {blob}"
    link = git(folder, "hash-object", "-w", "--stdin", data=b"/etc/passwd")
    rooms["real"]["link.png"] = f"120000 blob {link}"
    tree = tree_of(folder, {room: f"040000 tree {tree_of(folder, names)}" for room, names in rooms.items()})
    commit = git(folder, "commit-tree", tree, "-m", "x")
    (tmp_path / "commit").write_text(commit)
    return folder.parent


def write_table(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_table(tmp_path: Path) -> Path:
    """Real files whole, and two tiles of each fake sheet."""
    common = {"source": OWNER, "commit": (tmp_path / "commit").read_text(), "licence": "CC0"}
    real = common | {"pattern": "^real/", "label": "real", "group": "photo-mixed"}
    fake = common | {"pattern": r"^(fake)/", "label": "fake", "generator": r"a-\1", "group": "game"}
    fake |= {"crop": "grid2x2/2", "caption_rule": "filename", "exclude": "nsfw"}
    return write_table(tmp_path / "sources.csv", real, fake)
