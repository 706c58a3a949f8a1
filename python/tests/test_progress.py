"""What is shown of a fit while it goes on, and what an interruption of it leaves."""

import os
import signal
import threading
import xml.dom.minidom

import pytest
from test_fit import SMALL

from firesteel import CnnClassifier, _follow
from firesteel._events import events_of
from firesteel._progress import FitView, duration


def _seen(monkeypatch):
    lines = []
    monkeypatch.setattr(_follow, "SECONDS", 0.05)
    monkeypatch.setattr(_follow, "_cell", lambda: lambda view: lines.append((view.line(), view.html())))
    return lines


def test_a_fit_is_shown_while_it_goes_on_and_when_it_is_done(images, monkeypatch):
    lines = _seen(monkeypatch)
    parts = images.withColumn("held", images.row % 10 == 0)
    CnnClassifier(**{**SMALL, "iterations": 40}, evalEvery=5, validationIndicatorCol="held").fit(parts)
    text, page = lines[-1]
    assert text.startswith("cifar10_quick, sparknet, 2 workers, loss ") and "accuracy" in text and "done in" in text
    assert len(lines) > 1
    xml.dom.minidom.parseString(page)
    assert page.count("<path") == 5 and "training loss and accuracy" in page


def test_workers_of_an_asynchronous_strategy_have_a_line_each(images, monkeypatch):
    lines = _seen(monkeypatch)
    CnnClassifier(**SMALL, strategy="deepspark").fit(images)
    assert all(f"worker {number}: " in lines[-1][1] for number in (0, 1)) and "staleness" in lines[-1][1]


def test_a_view_escapes_faults_and_keeps_lines_short():
    view = FitView()
    view.add({"event": "start", "config": {"net": "<b>", "strategy": "sparknet", "workers": 1, "iterations": 10000, "batch": 1}})
    for at in range(10000):
        view.add({"event": "round", "samples": at + 1, "seconds": at / 100, "loss": None if at == 7 else 2.0, "images_per_second": 100.0})
    view.add({"event": "fault", "round": 3, "what": "executor <1>", "action": "again"})
    page = view.html()
    assert "<b>" not in page and "executor &lt;1&gt;" in page and len(page) < 10000
    xml.dom.minidom.parseString(page)
    assert [duration(seconds) for seconds in (0.4, 75, 7260)] == ["0 s", "1 min 15 s", "2 h 01 min"]


def test_an_interrupted_fit_has_ended_and_the_next_one_works(images, spark, remote):
    endless = CnnClassifier(**{**SMALL, "iterations": 50_000_000}, fitId="endless")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt():
        while not any(event["event"] == "round" for _, event in events_of(spark, "endless")):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        endless.fit(images)
    if remote:
        assert events_of(spark, "endless")[-1][1]["reason"] == "stopped"
    else:  # where pyspark cancels all jobs, too
        assert not spark.sparkContext.statusTracker().getActiveJobsIds()
    assert CnnClassifier(**SMALL).fit(images).summary.samples == 80
