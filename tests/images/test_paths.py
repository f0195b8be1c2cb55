from __future__ import annotations

from pathlib import Path

from fakescope.images.load import iter_image_paths


def test_files_folders_globs_and_missing(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "notes.txt", "sub/c.webp", "sub/._c.webp", "odd[1].jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    base = str(tmp_path)
    names = [str(Path(p).relative_to(base)) for p in iter_image_paths([base])]
    assert names == ["a.PNG", "b.jpg", "odd[1].jpg", "sub/c.webp"]
    assert list(iter_image_paths([f"{base}/*.jpg"])) == [f"{base}/b.jpg", f"{base}/odd[1].jpg"]
    assert list(iter_image_paths([f"{base}/**/*.webp"])) == [f"{base}/sub/c.webp"]
    assert list(iter_image_paths([f"{base}/odd[1].jpg"])) == [f"{base}/odd[1].jpg"]
    assert list(iter_image_paths([f"{base}/notes.txt"])) == [f"{base}/notes.txt"]
    assert list(iter_image_paths(["missing.jpg", "none*.jpg"])) == ["missing.jpg", "none*.jpg"]
