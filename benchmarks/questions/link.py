"""A link of a chosen rate: the loopback of a network namespace, behind a token bucket (tc-tbf). What is started in the
namespace has no other network. Run as a program this file sends bytes to itself and prints the rate."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

# A packet that is larger than the bucket never passes, and loopback's have up to 64 KiB. A kernel that comes late, because
# all cores compute, loses what the bucket cannot hold: 4 ms of 1 Gbit/s.
BUCKET = "512kb"
QUEUE = "50ms"  # what waits for longer is dropped
BYTES = 64 << 20  # of one transfer: half a second of 1 Gbit/s
TOLERANCE = 0.1  # how far, in parts of the chosen rate, a plain transfer may be from it


def rate(text):
    """Gbit/s as they are given on the command line, or None for `none`: no limit."""
    gigabits = None if text == "none" else float(text)
    if gigabits is not None and not 0 < gigabits < float("inf"):
        raise ValueError
    return gigabits


@contextmanager
def ending_by_sigterm():
    """In the block SIGTERM ends the benchmark through all its `finally` parts."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by SIGTERM"))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def namespace(gigabits):
    """A namespace that goes with the block, and so do processes that are still in it; the words before a command that is
    to run in it."""
    name = f"firesteel-{uuid.uuid4().hex[:12]}"
    inside = ["ip", "netns", "exec", name]
    _run("ip", "netns", "add", name)
    try:
        with ending_by_sigterm():
            _run(*inside, "ip", "link", "set", "lo", "up")
            if gigabits:
                limit = ["tbf", "rate", f"{gigabits}gbit", "burst", BUCKET, "latency", QUEUE]
                _run(*inside, "tc", "qdisc", "add", "dev", "lo", "root", *limit)
            yield inside
    finally:
        for process in _run("ip", "netns", "pids", name).split():  # only a block that failed leaves some, all its own
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGTERM)
        _run("ip", "netns", "del", name)


def measured(inside, gigabits):
    """Gbit/s of a plain transfer in the namespace, the median of three; ends the benchmark where they are not the chosen ones."""
    seen = statistics.median(float(_run(*inside, sys.executable, str(Path(__file__).resolve()))) for _ in range(3))
    if gigabits and abs(seen / gigabits - 1) > TOLERANCE:
        sys.exit(f"bench: a plain transfer makes {seen:.3g} Gbit/s where the link was given {gigabits:.3g}: is the machine busy?")
    return seen


def _run(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit(f"bench: there is no program {command[0]}, of Debian's package iproute2, which makes the link")
    except subprocess.CalledProcessError as failed:
        why = " ".join(failed.stderr.split()[-20:])
        sys.exit(f"bench: the link needs root, iproute2 and the kernel's tbf: '{' '.join(command)}' failed: {why}")


def _transfer():
    data, room, got = bytes(BYTES), bytearray(1 << 20), 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send():
            with socket.create_connection(server.getsockname()) as sender:
                sender.sendall(data)

        threading.Thread(target=send).start()
        receiver, _ = server.accept()
        started = time.perf_counter()
        while some := receiver.recv_into(room):
            got += some
        return 8e-9 * got / (time.perf_counter() - started)


if __name__ == "__main__":
    print(_transfer())
