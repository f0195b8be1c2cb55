"""How fast and how steady enlightening is, against a teacher of known latency over real HTTP.

    python benchmarks/chain_scale.py throughput --images DIR
    python benchmarks/chain_scale.py many --images DIR --count 100000
    python benchmarks/chain_scale.py ray --images DIR

throughput: records a second for 1, 8 and 64 concurrent requests, beside the ideal (concurrency / latency).
many: a long chain enlightened by the command line, killed three times on the way and finished; memory over time.
ray: the same on a Ray cluster of several workers, of which one is killed.

The teacher (`fake_teacher.py`) runs as a process of its own. Writes bench-results/chain-PART.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from fakescope.chain.exemplars import STARTER, read_exemplars
from fakescope.chain.store import open_store
from fakescope.records import Draft, ImageRef, Label

HERE = Path(__file__).parent
FAKESCOPE = [sys.executable, "-m", "fakescope"]


@contextmanager
def teacher(latency_s: float, *more: str) -> Iterator[str]:
    """The address of a fake teacher that runs while the block does."""
    command = [sys.executable, str(HERE / "fake_teacher.py"), "--latency", str(latency_s), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def counts_of(url: str) -> dict[str, Any]:
    """What the teacher has done so far."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/counts", timeout=10) as answer:
        return dict(json.load(answer))


def make_chain(folder: Path, images: Path, count: int) -> None:
    """A chain of `count` images with ids of their own, over the files that are there."""
    files = sorted(images.glob("*.jpg"))[:1000]

    def refs() -> Iterator[ImageRef]:
        for number, path in enumerate(islice(cycle(files), count)):
            digest = hashlib.sha256(f"{number}".encode()).hexdigest()
            label = Label.FAKE if number % 2 else Label.REAL
            yield ImageRef(id=digest[:16], path=str(path.absolute()), sha256=digest, label=label)

    with open_store(folder, create=True) as store:
        store.add_images(refs())
        store.append([e.model_copy(update={"checked_by": "benchmark"}) for e in read_exemplars(STARTER)])


def enlighten(folder: Path, url: str, concurrency: int, *more: str) -> list[str]:
    """The command."""
    return [
        *FAKESCOPE, "chain", "enlighten", str(folder), "--teacher", "openai:fake", "--url", url,
        "--concurrency", str(concurrency), "--json", *more,
    ]  # fmt: skip


def throughput(images: Path, latency_s: float, rounds: int) -> list[dict[str, float]]:
    """Records a second at three concurrencies; the start of the process is not counted, everything else is."""
    rows = []
    for concurrency in (1, 8, 64):
        count = concurrency * rounds
        with tempfile.TemporaryDirectory() as scratch, teacher(latency_s) as url:
            make_chain(Path(scratch), images, count)
            code = (
                "import sys, time, json\n"
                "from fakescope.chain.enlighten.run import Plan, enlighten\n"
                "from fakescope.chain.store import open_store\n"
                "from fakescope.chain.teachers.open import open_teacher\n"
                "store = open_store(sys.argv[1]); teacher = open_teacher('openai:fake', url=sys.argv[2])\n"
                "start = time.perf_counter()\n"
                "done = enlighten(store, teacher, Plan(), concurrency=int(sys.argv[3]))\n"
                "print(json.dumps([done.drafted, time.perf_counter() - start]))\n"
            )
            ended = subprocess.run(
                [sys.executable, "-c", code, scratch, url, str(concurrency)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        drafted, wall_s = json.loads(ended.stdout.splitlines()[-1])
        assert drafted == count, (drafted, count)
        ideal = concurrency / latency_s
        rows.append(
            {
                "concurrency": concurrency,
                "latency_s": latency_s,
                "records": drafted,
                "wall_s": round(wall_s, 2),
                "records_per_s": round(drafted / wall_s, 2),
                "ideal_per_s": ideal,
                "share_of_ideal": round(drafted / wall_s / ideal, 3),
            }
        )
        print(rows[-1], flush=True)
    return rows


def many(images: Path, count: int, concurrency: int, latency_s: float) -> dict[str, Any]:
    """A long run, stopped three times: killed, interrupted by Ctrl-C, killed."""
    stops = iter(
        [(count // 4, signal.SIGKILL), (count // 2, signal.SIGINT), (3 * count // 4, signal.SIGKILL)]
    )
    memory: list[tuple[int, int]] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, teacher(latency_s) as url:
        folder = Path(scratch)
        make_chain(folder, images, count)
        runs, done = 0, 0
        stop = next(stops, None)
        while done < count:
            runs += 1
            with subprocess.Popen(enlighten(folder, url, concurrency), stdout=subprocess.DEVNULL) as process:
                while process.poll() is None:
                    time.sleep(2)
                    with open_store(folder) as store:
                        done = store.counts()["drafts"]
                    memory.append((done, _resident_mib(process.pid)))
                    print(f"run {runs}: {done} drafts, {memory[-1][1]} MiB", flush=True)
                    if stop and done >= stop[0]:
                        process.send_signal(stop[1])
                        stop = next(stops, None)
                        process.wait()
            with open_store(folder) as store:
                done = store.counts()["drafts"]
        requests = counts_of(url)["counts"]["requests"]
        with open_store(folder) as store:
            images_drafted = len({draft.image for draft in store.read(Draft)})
    late = [mib for drafts, mib in memory if mib and drafts > 0]
    return {
        "records": count,
        "runs": runs,
        "drafts": done,
        "images_with_a_draft": images_drafted,
        "requests": requests,
        "asked_again_after_a_kill": requests - count,
        "wall_s": round(time.perf_counter() - started, 1),
        "resident_mib_by_quarter": _quarters(memory, count),
        "resident_mib_max": max(late),
    }


def on_ray(images: Path, count: int, workers: int, latency_s: float) -> dict[str, Any]:
    """A Ray cluster on this machine, one worker of which is killed on the way."""
    with tempfile.TemporaryDirectory() as scratch, teacher(latency_s) as url:
        folder = Path(scratch)
        make_chain(folder, images, count)
        started = time.perf_counter()
        command = enlighten(folder, url, 8, "--engine", "ray", "--workers", str(workers))
        killed = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                time.sleep(1)
                with open_store(folder) as store:
                    done = store.counts()["drafts"]
                if not killed and done > count // 3:
                    killed = _kill_a_worker()
            printed = process.stdout.read() if process.stdout else ""
        with open_store(folder) as store:
            drafts, per_image = store.counts()["drafts"], len({draft.image for draft in store.read(Draft)})
        return {
            "records": count,
            "workers": workers,
            "killed": killed,
            "drafts": drafts,
            "images_with_a_draft": per_image,
            "requests": counts_of(url)["counts"]["requests"],
            "wall_s": round(time.perf_counter() - started, 1),
            "summary": json.loads(printed) if printed else None,
        }


def _kill_a_worker() -> int:
    """Kill the first of the Ray workers that are mapping batches. Returns its process id, 0 if there is none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue
            if name.startswith(b"ray::") and b"MapWorker" in name:
                os.kill(int(entry.name), signal.SIGKILL)
                return int(entry.name)
    return 0


def _resident_mib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS: 0")
    return int(line.split()[1]) // 1024


def _quarters(memory: list[tuple[int, int]], count: int) -> list[int]:
    """The largest resident set in each quarter of the records."""
    quarters: list[list[int]] = [[0], [0], [0], [0]]
    for drafts, mib in memory:
        quarters[min(3, 4 * drafts // count)].append(mib)
    return [max(part) for part in quarters]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["throughput", "many", "ray"])
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--count", type=int, help="records (many: 100000, ray: 2000)")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, help="seconds (throughput: 1.0, others: 0.2)")
    parser.add_argument("--rounds", type=int, default=20, help="throughput: requests in a row for each slot")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    result: Any
    if options.part == "throughput":
        result = throughput(options.images, options.latency or 1.0, options.rounds)
    elif options.part == "many":
        result = many(options.images, options.count or 100_000, options.concurrency, options.latency or 0.2)
    else:
        result = on_ray(options.images, options.count or 2000, options.workers, options.latency or 0.2)
    options.out.mkdir(exist_ok=True)
    (options.out / f"chain-{options.part}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
