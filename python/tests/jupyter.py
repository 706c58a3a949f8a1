"""Jupyter as a client of a kernel, for the tests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Optional

from jupyter_client.manager import KernelManager

from firesteel_tools.command import main

SECONDS = 600  # for a cell, and for Spark to start: none takes that long


def install(prefix) -> None:
    """Installs the Scala kernel below a directory, where `JUPYTER_PATH` finds it."""
    assert main(["kernel", "install", "--prefix", str(prefix)]) == 0
    os.environ["JUPYTER_PATH"] = str(prefix / "share" / "jupyter")


class Cell:
    """What a cell has put out."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.reply: dict[str, Any] = {}

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [content for name, content in self.messages if name == kind]

    def printed(self, name: str = "stdout") -> str:
        return "".join(content["text"] for content in self.of("stream") if content["name"] == name)

    @property
    def result(self) -> str:
        return "".join(content["data"]["text/plain"] for content in self.of("execute_result"))

    @property
    def error(self) -> str:
        return "\n".join(self.reply.get("traceback", []))


class Notebook:
    """A kernel that runs."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, look: Optional[Callable[[str, dict[str, Any]], None]] = None) -> Cell:
        """Runs a cell, and lets `look` see each message when it comes."""
        cell, asked = Cell(), self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                break
            cell.messages.append((kind, content))
            if look:
                look(kind, content)
        while cell.reply.get("msg_id") != asked:
            message = self.client.get_shell_msg(timeout=SECONDS)
            cell.reply = {**message["content"], "msg_id": message["parent_header"].get("msg_id")}
        return cell

    def complete(self, code: str) -> dict[str, Any]:
        """What may stand at the end of the code."""
        return self.client.complete(code, reply=True, timeout=SECONDS)["content"]


@contextmanager
def kernel(**environment: str):
    """A Scala kernel in an environment that is just this, if one is given."""
    manager = KernelManager(kernel_name="firesteel-scala")
    manager.start_kernel(**({"env": environment} if environment else {}))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield Notebook(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
