"""Does memory stay? Resident size of the driver and of an executor round by round, and the peak heaps for all images."""

import re
import tempfile
import time
from pathlib import Path

from . import runs

TITLE = "Memory"
ROUNDS = 300
SETTLED = 20  # rounds after which memory should be flat
HEAP = "-Xms1g -XX:+AlwaysPreTouch"  # all of the heap resident from the start, so that only what is outside it can grow
GC_LOG = re.compile(r"(\d+)M->\d+M\((\d+)M\)")  # heap before and after a collection, and its size, in MiB


def _processes(needle):
    """(pid, command line) of this user's processes whose command line holds `needle`."""
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = status.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended
        if needle in line:
            yield int(status.parent.name), line


def _resident(pid):
    """MiB, or None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) // 1024


def _rounds(out):
    path = out / "metrics.jsonl"
    return path.read_text().count('"event":"round"') if path.exists() else 0


def _watch(process, out, marker):
    """Resident MiB by round of the driver and of the largest executor, while the run goes on."""
    seen = {"driver": {}, "executor": {}}
    while process.poll() is None:
        done = _rounds(out)
        for pid, line in _processes(marker):
            side = "executor" if "CoarseGrainedExecutorBackend" in line else "driver"
            size = _resident(pid)
            if done and size and "org.apache.spark" in line:
                seen[side][done] = max(size, seen[side].get(done, 0))
        time.sleep(0.2)
    runs.wait(process)
    return seen


def _peak_heap(log):
    """The largest heap in use before a collection, in MiB."""
    return max((int(before) for before, _ in GC_LOG.findall(log.read_text())), default=0)


def answer(arguments):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        marker = f"-Dfiresteel.bench={directory.name}"
        logs = {side: directory / f"{side}-%p.log" for side in ("driver", "executor")}
        java = {side: f"{marker} {HEAP} -Xlog:gc:file={log}" for side, log in logs.items()}
        spark = ["--conf", f"spark.executor.extraJavaOptions={java['executor']}", "--driver-java-options", java["driver"]]
        small, whole = directory / "small", directory / "whole"
        tiny = ["--data", str(runs.ROOT / "testdata/cifar10-tiny"), "--workers", "2", "--batch", "20", "--tau", "10"]
        rounds = [*tiny, "--consistency", "rounds", "--iterations", str(10 * ROUNDS), "--eval-every", "10", "--out", str(small)]
        seen = _watch(runs.submit("local-cluster[1,2,1024]", rounds, spark), small, marker)
        for log in directory.glob("*.log"):
            log.unlink()
        all_images = ["--data", arguments.data, "--workers", "2", "--iterations", "20", "--out", str(whole)]
        runs.wait(runs.submit("local-cluster[2,1,1024]", all_images, spark))
        yield {
            "question": "memory",
            **runs.circumstances(small),
            "data": arguments.name,
            "rows": runs.events(whole)[0]["data"]["train_rows"],
            "resident": {side: _flatness(by_round) for side, by_round in seen.items()},
            "peak_heap": {side: max(map(_peak_heap, directory.glob(f"{side}-*.log")), default=0) for side in logs},
        }


def _flatness(by_round):
    """Resident MiB: the largest between the settling rounds and half way, and the largest in the second half."""
    first = [size for done, size in by_round.items() if SETTLED <= done < ROUNDS // 2]
    second = [size for done, size in by_round.items() if done >= ROUNDS // 2]
    return {"first_half": max(first), "second_half": max(second)}


def table(rows):
    lines = [
        f"Resident MiB over {ROUNDS} rounds on a small set in `local-cluster[1,2,1024]`: the largest from round {SETTLED} to",
        "half way, and the largest in the second half; the heap of 1 GiB is touched at the start. Peak heap: the most in",
        "use before a collection in MiB, for the whole data set in `local-cluster[2,1,1024]` with 1 GiB heaps.",
        "",
        "| when | data | images | driver resident | executor resident | driver peak heap | executor peak heap |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        resident = {side: f"{size['first_half']}, {size['second_half']}" for side, size in row["resident"].items()}
        lines.append(
            f"| {row['time'][:10]} | {row['data']} | {row['rows']} | {resident['driver']} | {resident['executor']} "
            f"| {row['peak_heap']['driver']} | {row['peak_heap']['executor']} |"
        )
    return lines
