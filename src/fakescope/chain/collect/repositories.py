"""Where images come from that a table of sources names: git repositories at a commit, and unpacked Debian packages.

Both are only read. Blobs come from `git cat-file --batch`; nothing is checked out, so no hook, filter or link of a
repository ever acts. Paths found in a source are data for the manifest and never become paths on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from fakescope.errors import DataError, ImageError
from fakescope.images.source import DEFAULT_LIMITS, read_path

DEBIAN = "debian/"
SOURCE_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.+-]*/[A-Za-z0-9_.][\w.+-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
_IMAGE = re.compile(r"\.(jpe?g|png|webp|bmp|tiff?)(_\w+)?$", re.IGNORECASE)
_FETCH = "fetch -q --no-tags --no-write-fetch-head --recurse-submodules=no --filter=blob:none --stdin origin"


@dataclass(frozen=True)
class SourceFile:
    """One file of a source. `blob` is its git object, empty for a Debian package."""

    path: str
    blob: str
    commit: str


class Source(Protocol):
    """A set of files with their bytes."""

    def files(self) -> list[SourceFile]:
        """All files with the suffix of an image, each content once."""
        ...

    def read(self, files: Sequence[SourceFile]) -> Iterator[bytes | None]:
        """The bytes of each file in order; None where they are not there or over the limit."""
        ...


class GitSource:
    """A repository at one or more commits.

    Args:
        git_dir: The bare repository (or the `.git` of another).
        commits: Full object names; a content that several of them hold belongs to the first.
        partial: The repository is our own clone without blobs, which are fetched as they are wanted.
    """

    def __init__(self, git_dir: Path, commits: Sequence[str], *, partial: bool = False) -> None:
        self._git_dir, self._commits, self._partial = git_dir, commits, partial

    def files(self) -> list[SourceFile]:
        found: dict[str, SourceFile] = {}
        for commit in self._commits:
            if self._partial and self._run(["cat-file", "-e", commit + "^{commit}"]).returncode:
                self._run(_FETCH.split(), commit + "\n", network=True)
            listing = self._run(["ls-tree", "-r", "-z", "--full-tree", commit], network=self._partial)
            if listing.returncode:
                raise DataError(
                    f"commit {commit} is not in {self._git_dir.name}", "fetch the repository anew"
                )
            for line in listing.stdout.split(b"\0"):
                mode, _, rest = line.partition(b" ")
                about, _, name = rest.partition(b"\t")
                path = name.decode("utf-8", "replace")
                if mode in (b"100644", b"100755") and _IMAGE.search(path):  # neither links nor submodules
                    blob = about.split()[1].decode("ascii")
                    found.setdefault(blob, SourceFile(path, blob, commit))
        return list(found.values())

    def read(self, files: Sequence[SourceFile]) -> Iterator[bytes | None]:
        if self._partial:
            self._run(_FETCH.split(), "".join(file.blob + "\n" for file in files), network=True)
        command = ["git", "--git-dir", str(self._git_dir), "cat-file", "--batch"]
        with subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(network=False),
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("pipes were asked for")
            for file in files:
                process.stdin.write(file.blob.encode("ascii") + b"\n")
                process.stdin.flush()
                header = process.stdout.readline().split()
                if not header:
                    raise DataError(f"git stopped at blob {file.blob}", "is the repository damaged?")
                size = int(header[2]) if len(header) == 3 else None
                if size is None:
                    yield None
                elif size > DEFAULT_LIMITS.max_bytes:
                    _skip(process.stdout, size + 1)
                    yield None
                else:
                    yield process.stdout.read(size + 1)[:size]

    def _run(
        self, arguments: list[str], text: str = "", *, network: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        return _git(["--git-dir", str(self._git_dir), *arguments], text, network=network)


class DebianSource:
    """An unpacked Debian package. Links are not followed.

    Args:
        folder: What `dpkg-deb -x` wrote.
        package: File name of the package; stands as the commit in the manifest.
    """

    def __init__(self, folder: Path, package: str) -> None:
        self._folder, self._package = folder, package

    def files(self) -> list[SourceFile]:
        found = []
        for where, _, names in os.walk(self._folder):
            for name in names:
                path = Path(where, name)
                if _IMAGE.search(name) and not path.is_symlink():
                    found.append(SourceFile(path.relative_to(self._folder).as_posix(), "", self._package))
        return found

    def read(self, files: Sequence[SourceFile]) -> Iterator[bytes | None]:
        for file in files:
            try:
                yield read_path(str(self._folder / file.path), DEFAULT_LIMITS)
            except ImageError:
                yield None


@dataclass(frozen=True)
class Places:
    """Where sources lie: bare repositories `owner+name`, unpacked packages `NAME`, and our own clones."""

    cache: Path
    mirror: Path | None = None
    debian: Path | None = None


def open_source(name: str, commits: Sequence[str], places: Places) -> Source | None:
    """The source of that name; a repository that no mirror holds is cloned without its blobs.

    Returns:
        None for a Debian package that is not there.

    Raises:
        DataError: It cannot be cloned.
    """
    if name.startswith(DEBIAN):
        folder = places.debian / name.removeprefix(DEBIAN) if places.debian else None
        return DebianSource(folder, commits[0]) if folder and folder.is_dir() else None
    base = name.replace("/", "+")
    if places.mirror:
        for inner in ("", ".git", "repo", "repo/.git"):
            if (places.mirror / base / inner / "HEAD").is_file():
                return GitSource(places.mirror / base / inner, commits)
    clone = places.cache / f"{base}.git"
    if not clone.is_dir():
        _clone(name, clone)
    return GitSource(clone, commits, partial=True)


def _clone(name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        part = Path(folder, "clone")
        address = f"https://github.com/{name}"
        options = ["clone", "-q", "--bare", "--filter=blob:none", "--no-tags", "--", address, str(part)]
        if _git(options, network=True).returncode:
            raise DataError(f"{name} cannot be cloned from GitHub", "give a copy with --mirror")
        shutil.move(part, target)


def _git(
    arguments: list[str], text: str = "", *, network: bool = False
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            input=text.encode(),
            capture_output=True,
            check=False,
            env=_environment(network=network),
        )
    except FileNotFoundError as error:
        raise DataError("git is not installed", "install git") from error


def _environment(*, network: bool) -> dict[str, str]:
    """A mirrored repository's own settings must not make git open connections or run a helper program."""
    allowed = "https" if network else "none"
    return {**os.environ, "GIT_ALLOW_PROTOCOL": allowed, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


def _skip(stream: IO[bytes], size: int) -> None:
    while size > 0 and (got := len(stream.read(min(size, 1 << 20)))):
        size -= got
