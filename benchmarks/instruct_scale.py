"""How fast and how steady FakeInstruct is built, at two million instructions.

    python benchmarks/instruct_scale.py RELEASE [--records 47000] [--workers 1 2] [--ray] [--kill]

Records are made for this measurement alone by putting annotations of a release together anew; nothing is ever trained
on them. Reported: time and memory for each number of workers, for a tenth of the records too (memory must not grow),
the ratio to reading and writing the same bytes as Parquet, and whether all builds came out the same, byte for byte,
also after a kill. Writes bench-results/instruct-scale.json.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from fakescope.chain.release.read import read_release
from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.records import ChainRecord, Label
from fakescope.taxonomy import CRITERION_IDS

BUILD = """
import sys
from pathlib import Path
from fakescope.instruct.build import Plan, build
if __name__ == "__main__":
    build(Plan(Path(sys.argv[1]), Path(sys.argv[2])), workers=int(sys.argv[3]), on_ray=sys.argv[4] == "ray")
"""


def recombined(release: Path, count: int, seed: int = 0) -> Iterator[ChainRecord]:
    """Records of which each note and each text is of some record of the same label."""
    held: dict[Label, list[ChainRecord]] = {label: [] for label in Label}
    for split in ("train", "dev"):
        for record in read_release(release, split):
            if record.image.label:
                held[record.image.label].append(record)
    rng = random.Random(seed)
    for number in range(count):
        label = Label.FAKE if number % 2 else Label.REAL
        base = rng.choice(held[label])
        traces = {name: rng.choice(held[label]).traces.get(name) for name in CRITERION_IDS}
        texts = {name: getattr(rng.choice(held[label]), name) for name in ("limits", "advice", "description")}
        image = base.image.model_copy(update={"id": f"{rng.getrandbits(48):012x}", "split": "train"})
        yield base.model_copy(update={"image": image, "traces": traces, **texts})


def timed(
    release: Path, out: Path, workers: int, engine: str, script: Path, kill_at: float | None = None
) -> dict[str, Any]:
    """Build in a process of its own; its time, and the memory of it and its children together."""
    started = time.perf_counter()
    command = [sys.executable, str(script), str(release), str(out), str(workers), engine]
    peak = 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            time.sleep(0.2)
            peak = max(peak, _resident(process.pid))
            if kill_at and time.perf_counter() - started > kill_at:
                for pid in (process.pid, *_children(process.pid)):
                    subprocess.run(["kill", "-9", str(pid)], check=False)
    return {
        "workers": workers,
        "engine": engine,
        "wall_s": round(time.perf_counter() - started, 1),
        "peak_mib": peak // 1024,
    }


def copied(out: Path, scratch: Path) -> float:
    """Seconds to read the shards and write them again."""
    started = time.perf_counter()
    for path in sorted((out / "data").glob("*.parquet")):
        pq.write_table(pq.read_table(path), scratch / "copy.parquet", compression="zstd")
    return time.perf_counter() - started


def sums(out: Path) -> dict[str, str]:
    """The hash of each shard."""
    manifest = json.loads((out / "instructions.json").read_text())
    return {file["name"]: file["sha256"] for file in manifest["files"]}


def _children(pid: int) -> list[int]:
    try:
        direct = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return direct + [grandchild for child in direct for grandchild in _children(child)]


def _resident(pid: int) -> int:
    """Kibibytes of a process and all below it, what they share counted once (proportional set)."""
    total = 0
    for one in (pid, *_children(pid)):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", type=Path)
    parser.add_argument("--records", type=int, default=47_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--ray", action="store_true", help="on a local Ray cluster too")
    parser.add_argument("--kill", action="store_true", help="also kill a build half way and finish it")
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    result: dict[str, Any] = {"records": options.records, "runs": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (script := folder / "build.py").write_text(BUILD)
        for name, count in (("tenth", options.records // 10), ("whole", options.records)):
            about = Release("recombined", "0", about="For a measurement of speed only.")
            write_release(recombined(options.release, count), folder / name, about, statuses=ALL)
        first = folder / "out-tenth"
        result["tenth"] = timed(folder / "tenth", first, 1, "local", script)
        shutil.rmtree(first)
        expected: dict[str, str] = {}
        for engine in ["local"] + ["ray"] * options.ray:
            for workers in options.workers:
                out = folder / "out"
                run = timed(folder / "whole", out, workers, engine, script)
                found = sums(out)
                expected = expected or found
                run["same_bytes"] = found == expected
                result["runs"].append(run)
                if workers == options.workers[-1] and engine == "local":
                    manifest = json.loads((out / "instructions.json").read_text())
                    result["instructions"] = manifest["instructions"]
                    result["size_mb"] = round(sum(file["size_bytes"] for file in manifest["files"]) / 1e6, 1)
                    result["copy_s"] = round(copied(out, folder), 1)
                    result["dropped"] = manifest["dropped"]
                shutil.rmtree(out)
                print(run, flush=True)
        if options.kill:
            out = folder / "out"
            half = result["runs"][0]["wall_s"] / 2
            timed(folder / "whole", out, 1, "local", script, kill_at=half)
            finished = timed(folder / "whole", out, 1, "local", script)
            result["killed"] = {**finished, "same_bytes": sums(out) == expected}
    options.out.mkdir(exist_ok=True)
    (options.out / "instruct-scale.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
