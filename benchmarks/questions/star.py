"""A network of this machine's own: namespaces as machines, each with a link of a chosen rate to one switch. A token bucket
(tc-tbf) at both ends of a link limits each direction by itself. Needs root and Debian's package iproute2."""

import subprocess
import sys
import uuid
from collections import namedtuple
from contextlib import ExitStack, contextmanager

from . import clusters, link

BUCKET = "512kb"  # a kernel that comes late, because all cores compute, loses what it cannot hold: 4 ms of 1 Gbit/s
QUEUE = "50ms"  # what waits for longer is dropped

# the words before a command that is to run on the machine, and its address
Machine = namedtuple("Machine", ["inside", "address"])


@contextmanager
def network(machines, gigabits):
    """So many machines, which go with the block; without a limit where `gigabits` is None."""
    mark = uuid.uuid4().hex[:8]
    switch = ["ip", "netns", "exec", f"fs-{mark}"]
    with link.ending_by_sigterm(), ExitStack() as stack:
        _namespace(stack, f"fs-{mark}")
        _run(*switch, "ip", "link", "add", "switch", "type", "bridge")
        _run(*switch, "ip", "link", "set", "switch", "up")
        yield [_machine(stack, mark, switch, number, gigabits) for number in range(machines)]


def _namespace(stack, name):
    _run("ip", "netns", "add", name)
    stack.callback(_run, "ip", "netns", "del", name)


def _machine(stack, mark, switch, number, gigabits):
    name, port, address = f"fs-{mark}-{number}", f"port{number}", f"10.77.0.{number + 1}"
    inside = ["ip", "netns", "exec", name]
    _namespace(stack, name)
    _run(*switch, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    _run(*switch, "ip", "link", "set", port, "master", "switch")
    _run(*switch, "ip", "link", "set", port, "up")
    _run(*inside, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        _run(*inside, "ip", "link", "set", "dev", device, "up")
    for where, device in ((switch, port), (inside, "eth0")):
        if gigabits:
            limit = ["tbf", "rate", f"{gigabits}gbit", "burst", BUCKET, "latency", QUEUE]
            _run(*where, "tc", "qdisc", "add", "dev", device, "root", *limit)
    return Machine(inside, address)


@contextmanager
def standalone(home, machines):
    """A standalone cluster: Spark's master on the first machine, a worker of one core on each other; its address."""
    with clusters.processes(home) as start:
        first, *others = machines
        log = start("master", "master.Master", first.address, "--port", "0", inside=first.inside)
        url = clusters.awaited(log, r"Starting Spark master at (spark://\S+)")
        for number, machine in enumerate(others):
            work = ["--cores", "1", "--memory", "3g", "--work-dir", str(home / f"work{number}")]
            log = start(f"worker{number}", "worker.Worker", machine.address, *work, url, inside=machine.inside)
            clusters.awaited(log, r"(Successfully registered with master)")
        yield url


def _run(*command):
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit(f"bench: there is no program {command[0]}, of Debian's package iproute2, which makes the network")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"bench: the network needs root and iproute2: '{' '.join(command)}' failed: {' '.join(failed.stderr.split())}")
