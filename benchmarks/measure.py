"""All the numbers that the README and the model card quote, in one run.

    python benchmarks/measure.py --data DIR [--extra DIR] [--out bench-results] [--quick]

DIR holds labels.csv, chain.jsonl and images/. Each part is a `fakescope bench` command of its own, so one
that fails leaves the others' results; the exit code is the number of parts that failed. With --quick
everything runs on a few
images: a check of the machinery, whose numbers mean nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FAKESCOPE = [sys.executable, "-c", "from fakescope.cli.main import main; main()"]
PERTURBATIONS = ("jpeg:70", "resize:0.5", "webp:60")


def commands(data: Path, extra: list[Path], quick: bool) -> dict[str, list[str]]:
    """The arguments of `fakescope bench` for each part."""
    folder = ["--data", str(data)]
    few = ["--limit", "30", "--draws", "50"] if quick else []
    perturb = [word for name in PERTURBATIONS for word in ("--perturb", name)]
    more = [word for path in extra for word in ("--extra", str(path))]
    return {
        "detect": [*folder, *few, *perturb],
        "explain": [*folder, *few],
        "confounds": [*folder, *few],
        "baselines": [*folder, *more, *few, *(["--epochs", "1"] if quick else [])],
        "speed": ["--images", str(data / "images"), *(["--count", "20", "--repeats", "1"] if quick else [])],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--extra", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    parser.add_argument("--only", action="append", help="parts to run; all by default")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    failed = []
    for name, arguments in commands(chosen.data, chosen.extra, chosen.quick).items():
        if chosen.only and name not in chosen.only:
            continue
        print(f"\n== {name}", flush=True)
        code = subprocess.run([*FAKESCOPE, "bench", name, *arguments, "--out", str(chosen.out)]).returncode
        if code:
            failed.append(name)
    written = [chosen.out / f"{name}.md" for name in commands(chosen.data, [], False)]
    together = "\n".join(path.read_text(encoding="utf-8") for path in written if path.is_file())
    if together:
        (chosen.out / "numbers.md").write_text(f"# Numbers\n\n{together}", encoding="utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
