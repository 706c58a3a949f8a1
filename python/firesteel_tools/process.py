"""The JVM of a Scala notebook: how it is started, and what is said to it and by it (`io.firesteel.notebook.Kernel`)."""

from __future__ import annotations

import codecs
import json
import os
import shlex
import subprocess
import threading
from collections import deque
from pathlib import Path
from typing import Any, Callable

MAIN = "io.firesteel.notebook.Kernel"
OPTIONS = "FIRESTEEL_SUBMIT_ARGS"  # the environment variable with options for spark-submit
MARK = b"\x1e"  # before a message (RFC 7464); anything else is output
LINES = 40  # of the log that are kept to tell why it ended
SECONDS = 4  # to end in; Jupyter gives the kernel five


def command(home: Path, jars: list[str]) -> list[str]:
    """How spark-submit is called, with the user's options."""
    options = shlex.split(os.environ.get(OPTIONS, ""))
    if jars[1:]:
        options = _with_jars(options, jars[1:])
    name = ["--conf", "spark.app.name=Scala notebook"]  # first, so that the user's wins; without one it is the class
    return [str(home / "bin" / "spark-submit"), *name, *options, "--deploy-mode", "client", "--class", MAIN, jars[0]]


def _with_jars(options: list[str], more: list[str]) -> list[str]:
    """Of two `--jars` spark-submit takes one, so both become one."""
    words = [part for word in options for part in (word.split("=", 1) if word.startswith("--jars=") else [word])]
    if "--jars" not in words[:-1]:
        return [*words, "--jars", ",".join(more)]
    at = words.index("--jars") + 1
    return [*words[:at], ",".join([words[at], *more]), *words[at + 1 :]]


class Jvm:
    """A JVM that runs. `hear` gets its messages, on a thread of its own; the last one is of type `exit`."""

    def __init__(self, home: Path, jars: list[str], hear: Callable[[dict[str, Any]], None]) -> None:
        self._hear = hear
        self._log: deque[str] = deque(maxlen=LINES)
        environment = {**os.environ, "SPARK_HOME": str(home)}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command(home, jars), stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )  # of its own session, or a Ctrl-C in Jupyter's terminal would end it
        self._errors = threading.Thread(target=self._read_errors, daemon=True)
        self._errors.start()
        threading.Thread(target=self._read_messages, daemon=True).start()

    def send(self, request: str, **fields: Any) -> None:
        """Sends a request. One to a JVM that has ended is lost: that it has ended is heard."""
        line = json.dumps({"request": request, **fields}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def close(self) -> None:
        """Ends it: Spark stops when its input ends, and if that takes long, it goes on to stop by itself."""
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            pass

    def _read_messages(self) -> None:
        for line in self._process.stdout:
            printed, mark, message = line.partition(MARK)
            if printed:
                self._hear({"type": "stream", "name": "stdout", "text": printed.decode(errors="replace")})
            if mark:
                self._hear(json.loads(message))
        self._errors.join(SECONDS)
        self._hear({"type": "exit", "status": self._process.wait(), "log": "\n".join(self._log)})

    def _read_errors(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while piece := self._process.stderr.read1():
            text = decoder.decode(piece)
            self._log.extend(text.splitlines())
            self._hear({"type": "log", "text": text})
