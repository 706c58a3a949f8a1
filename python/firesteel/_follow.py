"""Shows a fit while it goes on: in a notebook in the cell that called it, in an interactive shell on a line of the terminal."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from typing import Any, Callable, Optional, TypeVar

from pyspark import InheritableThread
from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

from firesteel._events import events_of
from firesteel._progress import FitView

SECONDS = 0.5  # between two looks

T = TypeVar("T")


def followed(session: SparkSession, fit: str, body: Callable[[], T]) -> T:
    """The result of `body`, which fits under that name, and which is shown meanwhile where somebody looks.

    An interruption (Ctrl-C, or a notebook's stop) ends the fit, and is raised when its native work has ended.
    """
    show = _cell() or _terminal()
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(session, fit, show, ended), daemon=True) if show else None
    if follower:
        follower.start()
    try:
        return interruptibly(session, body, lambda: events_of(session, fit, stop=True))
    finally:
        ended.set()
        if follower:
            follower.join()


def interruptibly(session: SparkSession, body: Callable[[], T], stop: Callable[[], Any]) -> T:
    """The result of `body`; an interruption (Ctrl-C, or a notebook's stop) calls `stop` until it has ended.

    Only the main thread is interrupted, and one that waits for an answer of the JVM cannot be: its connection is in use, and
    pyspark wants to cancel over it. So the body gets a thread of its own."""
    if threading.current_thread() is not threading.main_thread():
        return body()
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(body())
        except BaseException as e:  # noqa: BLE001  (it is raised below)
            outcome.set_exception(e)

    remote = {"session": session} if is_remote() else {}  # which Spark 3.5 does not know
    thread = InheritableThread(target=run, daemon=True, **remote)
    thread.start()
    try:
        return outcome.result()
    except KeyboardInterrupt:
        while thread.is_alive():  # again, because what is to be stopped may not have begun
            stop()
            thread.join(SECONDS)
        raise


def _follow(session: SparkSession, fit: str, show: Callable[[FitView], None], ended: threading.Event) -> None:
    view, since, last = FitView(), 0, False
    while not last:
        last = ended.wait(SECONDS)  # then what came meanwhile is shown, too
        try:
            events = events_of(session, fit, since)
        except Exception:  # noqa: BLE001  (a session that ends takes the fit with it, whose own error the caller gets)
            return
        for number, event in events:
            view.add(event)
            since = number + 1
        if last:
            view.close()
        show(view)


def _cell() -> Optional[Callable[[FitView], None]]:
    """Shows a view in the output of a notebook's cell."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    display, HTML = sys.modules["IPython.display"].display, sys.modules["IPython.display"].HTML
    handle = display(HTML(FitView().html()), display_id=True)
    return lambda view: handle.update(HTML(view.html()))


def _terminal() -> Optional[Callable[[FitView], None]]:
    """Shows a view on the last line of an interactive shell's terminal."""
    if not hasattr(sys, "ps1") or not sys.stderr.isatty():
        return None

    def show(view: FitView) -> None:
        sys.stderr.write(f"\r\x1b[K{view.line()[:120]}" + ("\n" if view.done else ""))
        sys.stderr.flush()

    return show
