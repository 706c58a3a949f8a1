"""What of a fit is shown while it goes on: a line of text, or a cell of a notebook that stays as a plot of it."""

from __future__ import annotations

import html
import math
from typing import Any, Optional

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 220, 46, 46, 10, 26  # pixels of the plot and its margins
POINTS = 400  # of a line at most
DOTS = 20  # a line of so few points has a dot for each
LOSS, ACCURACY = "#0072b2", "#d55e00"  # two of Okabe and Ito's colours, which colour-blind people tell apart; text has the page's colour


class FitView:
    """The state of a fit, from its events in their order: objects as of `metrics.jsonl`."""

    def __init__(self) -> None:
        self._rounds: list[tuple[float, float]] = []  # samples, mean training loss
        self._exchanges: list[tuple[float, float]] = []  # the same of one worker each
        self.accuracies: list[tuple[float, float]] = []  # samples, fraction
        self.faults: list[str] = []
        self.workers: dict[int, dict[str, Any]] = {}  # the latest exchange of each, of strategies inside one stage
        self.samples = self.total = 0
        self.seconds = 0.0
        self.speed: Optional[float] = None  # images a second
        self.what = "preparing the images"
        self.done = self.closed = False
        self.ended = "done in"

    @property
    def losses(self) -> list[tuple[float, float]]:
        """Of rounds where there are any: there, an exchange tells of a part of a round."""
        return self._rounds or self._exchanges

    def add(self, event: dict[str, Any]) -> None:
        """Takes the next event."""
        handler = getattr(self, f"_{event['event']}", None)
        if handler is not None:
            handler(event)

    def _start(self, event: dict[str, Any]) -> None:
        config = event["config"]
        self.total = config["iterations"] * config["batch"] * config["workers"]
        self.what = f"{config['net']}, {config['strategy']}, {config['workers']} workers"

    def _round(self, event: dict[str, Any]) -> None:
        self._advance(event, self._rounds)
        self.speed = event["images_per_second"]

    def _exchange(self, event: dict[str, Any]) -> None:
        self._advance(event, self._exchanges)
        self.speed = self.samples / self.seconds if self.seconds else None
        self.workers[event["worker"]] = event

    def _advance(self, event: dict[str, Any], losses: list[tuple[float, float]]) -> None:
        self.samples, self.seconds = max(self.samples, event["samples"]), max(self.seconds, event["seconds"])
        if event["loss"] is not None:
            losses.append((event["samples"], event["loss"]))

    def _eval(self, event: dict[str, Any]) -> None:
        if event["accuracy"] is not None:
            self.accuracies.append((event["samples"], event["accuracy"]))

    def _fault(self, event: dict[str, Any]) -> None:
        self.faults.append(f"round {event['round']}: {event['what']}: {event['action']}")

    def _end(self, event: dict[str, Any]) -> None:
        self.done, self.samples, self.seconds = True, event["samples"], event["seconds"]
        self.speed = event["images_per_second"]
        self.ended = {"patience": "ended early after", "stopped": "stopped after"}.get(event["reason"], "done in")

    def close(self) -> None:
        """There are no more events: a fit that has not ended has failed, or was interrupted."""
        self.closed = True

    def line(self) -> str:
        """What can be said in a line."""
        said = [self.what]
        going = not self.done and not self.closed
        if self.total and self.samples and not self.done:
            said.append(f"{100 * self.samples / self.total:.0f} %")
        if self.losses:
            said.append(f"loss {self.losses[-1][1]:.4f}")
        if self.accuracies:
            said.append(f"accuracy {100 * self.accuracies[-1][1]:.2f} %")
        if self.speed:
            said.append(f"{self.speed:,.0f} images/s")
            if going:
                said.append(f"{duration((self.total - self.samples) / self.speed)} left")
        if self.done:
            said.append(f"{self.ended} {duration(self.seconds)}")
        elif self.closed:
            said.append("not finished")
        return ", ".join(said)

    def html(self) -> str:
        """A cell: the line, a plot, the workers where they tell of themselves, and faults. It has the notebook's own colours."""
        parts = [f"<div>{html.escape(self.line())}</div>"]
        if len(self.losses) > 1 or len(self.accuracies) > 1:
            parts.append(self._plot())
        for number, turn in sorted(self.workers.items()) if not self._rounds else ():
            told = f"worker {number}: {turn['total_steps']:,} steps, loss {_number(turn['loss'])}, staleness {turn['staleness']}"
            parts.append(f'<div style="font-size:85%">{html.escape(told)}</div>')
        parts += [f'<div style="color:#c33">{html.escape(fault)}</div>' for fault in self.faults]
        return f'<div style="font-family:sans-serif">{"".join(parts)}</div>'

    def _plot(self) -> str:
        top = _above(max((loss for _, loss in self.losses), default=1.0))
        last = max([self.total, *(x for x, _ in (*self.losses, *self.accuracies))])
        lines = [
            _line(self.losses, last, top, LOSS),
            _line(self.accuracies, last, 1.0, ACCURACY),
            _text(LEFT, HEIGHT - 6, "start", "0 images"),
            _text(WIDTH - RIGHT, HEIGHT - 6, "end", f"{last:,} images"),
        ]
        for part in (0, 0.5, 1):
            y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
            lines.append(f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity="0.2"/>')
            if self.losses:
                lines.append(_text(LEFT - 6, y + 4, "end", f"{part * top:.2f}"))
            if self.accuracies:
                lines.append(_text(WIDTH - RIGHT + 6, y + 4, "start", f"{100 * part:.0f} %"))
        named = " and ".join(name for name, points in (("training loss", self.losses), ("accuracy", self.accuracies)) if points)
        head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%" role="img" aria-label="{named}" font-size="11">'
        legend = "".join(
            f'<span style="margin-right:1em"><span style="color:{colour};font-weight:bold">\u2014</span> {name}</span>'
            for name, colour, points in (("training loss (left)", LOSS, self.losses), ("accuracy (right)", ACCURACY, self.accuracies))
            if points
        )
        return f'{head}{"".join(lines)}</svg><div style="font-size:85%">{legend}</div>'


def duration(seconds: float) -> str:
    """Seconds in words."""
    whole = max(0, round(seconds)) if math.isfinite(seconds) else 0
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _above(value: float) -> float:
    """The next number of those with which axes end: 1, 2, 2.5, 5, 10 and so on, times powers of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value)


def _number(value: Optional[float]) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{html.escape(text)}</text>'


def _line(points: list[tuple[float, float]], last: float, top: float, colour: str) -> str:
    """A line through means of so many points in a row that there are not too many."""
    if not points:
        return ""
    each = math.ceil(len(points) / POINTS)
    groups = [points[at : at + each] for at in range(0, len(points), each)]
    means = [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
    placed = [
        (f"{LEFT + x / last * (WIDTH - LEFT - RIGHT):.1f}", f"{HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM):.1f}") for x, y in means
    ]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in placed) if len(placed) <= DOTS else ""
    return f'<path d="M{"L".join(f"{x},{y}" for x, y in placed)}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>{dots}'
