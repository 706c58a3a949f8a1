"""The Scala kernel for Jupyter: it stands between Jupyter and a JVM with Spark, in which the cells run."""

from __future__ import annotations

import queue
import threading
import time
from importlib.metadata import version
from typing import Any, Optional

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

from firesteel_tools.process import Jvm
from firesteel_tools.spark import NoSpark, find_jars, find_spark

SECONDS = 0.5  # between two pictures of a fit


class ScalaKernel(Kernel):
    """Jupyter's messages become requests to the JVM, and what it answers becomes Jupyter's messages."""

    implementation = "firesteel-scala"
    implementation_version = version("firesteel")
    language_info = {"name": "scala", "mimetype": "text/x-scala", "file_extension": ".scala", "codemirror_mode": "text/x-scala"}
    banner = "Scala with a Spark session, spark, and Firesteel"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._jvm: Optional[Jvm] = None
        self._problem: Optional[str] = None  # why there is no JVM
        self._settled = threading.Event()  # the JVM is ready, or there is none
        self._session = "there is no Spark"  # what the first cell tells of it
        self._told = False
        self._answers: queue.Queue[Optional[dict[str, Any]]] = queue.Queue()
        self._cell: dict[str, Any] = {}  # the message that asked for the cell to which output belongs
        self._fits: dict[str, tuple[Any, float]] = {}  # by its name: its view, and when it was last shown
        self._number = 0
        try:
            home = find_spark()
            jars = find_jars(home)
            self._jvm = Jvm(home, jars, self._hear)
        except (NoSpark, OSError) as e:
            self._problem = f"{e}. Then restart the kernel."
            self._settled.set()

    def do_execute(self, code: str, silent: bool, store_history: bool = True, user_expressions: Any = None, allow_stdin: bool = False, **_: Any) -> Any:
        """Runs a cell, and waits for it."""
        self._cell = self.get_parent("shell")
        if not code.strip():
            return self._ok()
        if not self._told:
            try:
                self._tell("Spark is starting ...", "display_data")
                self._settled.wait()
                self._tell(self._session, "update_display_data")
                self._told = True
            except KeyboardInterrupt:
                return self._failed("Interrupted", "Spark is still starting", ["Interrupted: Spark is still starting"])
        if self._problem:
            return self._failed("NoSpark", self._problem, [self._problem])
        answer = self._ask("execute", code=code)
        if answer is None:
            return self._failed("SparkEnded", self._problem or "", [self._problem or ""])
        if answer["status"] == "error":
            return self._failed(answer["name"], answer["value"], answer["trace"])
        if answer["text"] and not silent:
            result = {"execution_count": self.execution_count, "data": {"text/plain": answer["text"]}, "metadata": {}}
            self._publish("execute_result", result)
        return self._ok()

    def do_complete(self, code: str, cursor_pos: int) -> Any:
        """What may stand at the cursor."""
        names, start = [], cursor_pos
        if self._settled.is_set() and not self._problem:
            answer = self._ask("complete", code=code, cursor=_units(code[:cursor_pos]))
            if answer is not None:
                names = answer["names"]
                start = len(code.encode("utf-16-le")[: 2 * answer["start"]].decode("utf-16-le"))
        return {"status": "ok", "matches": names, "cursor_start": start, "cursor_end": cursor_pos, "metadata": {}}

    def do_shutdown(self, restart: bool) -> Any:
        """Ends the JVM, too."""
        if self._jvm:
            self._jvm.close()
        return {"status": "ok", "restart": restart}

    def _ask(self, request: str, **fields: Any) -> Optional[dict[str, Any]]:
        """The JVM's answer; None if it has ended. An interruption ends the cell, whose answer then says so."""
        self._number += 1
        self._jvm.send(request, id=self._number, **fields)
        while True:
            try:
                answer = self._answers.get()
                if answer is None or answer["id"] == self._number:
                    return answer
            except KeyboardInterrupt:
                self._jvm.send("interrupt")

    def _hear(self, message: dict[str, Any]) -> None:
        """Takes a message of the JVM, on the thread that reads them."""
        kind = message["type"]
        if kind in ("stream", "log") and not self._settled.is_set():
            return  # what Spark says while it starts: if it fails, `exit` has it
        if kind == "stream":
            self._publish("stream", {"name": message["name"], "text": message["text"]})
        elif kind == "log":
            self._publish("stream", {"name": "stderr", "text": message["text"]})
        elif kind == "display":
            self._publish("display_data", {"data": message["data"], "metadata": {}})
        elif kind == "fit":
            self._show_fit(message)
        elif kind in ("done", "completions"):
            self._answers.put(message)
        elif kind == "ready":
            self._session = ", ".join(filter(None, [f"Spark {message['spark']}", f"Scala {message['scala']}", message["master"], message["ui"]]))
            self._settled.set()
        elif kind == "failed":
            self._problem = f"Spark has not started: {message['message']}"
        elif kind == "exit":
            ended = f"Spark's process has ended with status {message['status']}; restart the kernel. Its last words:\n{message['log']}"
            self._problem = self._problem or ended
            self._settled.set()
            self._answers.put(None)

    def _show_fit(self, message: dict[str, Any]) -> None:
        from firesteel._progress import FitView

        name, now = message["fit"], time.monotonic()
        first = name not in self._fits
        view, shown = self._fits.get(name, (FitView(), now))
        closed = "closed" in message
        if closed:
            view.close()
            self._fits.pop(name, None)
        else:
            view.add(message["event"])
        if first or closed or now - shown >= SECONDS:
            shown = now
            content = {"data": {"text/html": view.html(), "text/plain": view.line()}, "metadata": {}, "transient": {"display_id": name}}
            self._publish("display_data" if first else "update_display_data", content)
        if not closed:
            self._fits[name] = (view, shown)

    def _tell(self, text: str, kind: str) -> None:
        self._publish(kind, {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "session"}})

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        self.session.send(self.iopub_socket, kind, content, parent=self._cell, ident=self._topic(kind))

    def _ok(self) -> dict[str, Any]:
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

    def _failed(self, name: str, value: str, trace: list[str]) -> dict[str, Any]:
        error = {"ename": name, "evalue": value, "traceback": trace}
        self._publish("error", error)
        return {"status": "error", "execution_count": self.execution_count, **error}


def _units(text: str) -> int:
    """The length of a text as Java counts it."""
    return len(text.encode("utf-16-le")) // 2


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=ScalaKernel)
