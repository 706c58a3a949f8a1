"""Processes below one that we started: which of them are Spark's executors, and how they are ended."""

from pathlib import Path

EXECUTOR = b"CoarseGrainedExecutorBackend"


def executors(root):
    """Process numbers of the executors below the process `root`."""
    return sorted(pid for pid in _below(root) if EXECUTOR in _command(pid))


def _below(root):
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" ", 1)
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(rest.rsplit(")", 1)[1].split()[1]), []).append(int(pid))
    found, ahead = set(), [root]
    while ahead:
        ahead = [child for pid in ahead for child in children.get(pid, [])]
        found.update(ahead)
    return found


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
