#!/usr/bin/env python3
"""Write the golden trajectories of testdata/exchange/: every rule of the exchange, from the papers' equations.

Needs numpy; everything is in float64 and seeded by the file's name, so the same files come out on every run. Knows
nothing of the Rust code: a file holds the rule's parameters, where all start, how each worker moves between its exchanges,
and the center and that worker's weights after each exchange. c is the center, x a worker's weights, p what it pulled last.
"""
import json
import pathlib
import zlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent / "exchange"
LENGTH = 7
K = 3
# The order of exchanges makes staleness: worker 2 exchanges rarely, worker 0 twice in a row.
ORDER = [0, 1, 0, 0, 2, 1, 0, 1, 2, 0, 1, 2]
STEPS = [5, 5, 3, 1, 8, 5, 5, 2, 10, 4, 5, 5]
RATES = [0.1] * 5 + [0.05] * 7  # a drop on the way
SAMPLES = [[100, 60, 7], [100, 0, 99], [1, 1, 1], [40, 30, 20]]  # a worker without data, equal ones


def rounded(values):
    return [float(f"{v:.9g}") for v in values]


def stream(name):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return lambda scale=1.0: np.array(rounded(scale * rng.standard_normal(LENGTH)))


def write(name, rule, workers, initial, kind, events):
    head = json.dumps({"rule": rule, "workers": workers, "initial": rounded(initial)})
    lines = ",\n    ".join(json.dumps(event) for event in events)
    (OUT / f"{name}.json").write_text(f'{head[:-1]},\n  "{kind}": [\n    {lines}\n  ]}}\n')


# Rules that fold each message when it arrives: exchange(state) changes state.c and the x of the worker that exchanges.
class State:
    def __init__(self, initial):
        self.c = initial.copy()
        self.x = [initial.copy() for _ in range(K)]
        self.p = [initial.copy() for _ in range(K)]
        self.updates = 0
        self.updates_at_pull = [0] * K
        self.exchanges_of = [0] * K
        self.extra = {}

    def take_center(self, k):
        self.x[k] = self.c.copy()
        self.p[k] = self.c.copy()


def elastic(a, server, factor=1.0, every=1):
    def exchange(s, k, steps, lr):
        shrink = factor ** (s.exchanges_of[k] // every)
        gap = s.x[k] - s.c
        s.x[k] = s.x[k] - shrink * a * gap
        s.c = s.c + shrink * server * gap

    return exchange


def downpour(s, k, steps, lr):
    s.c = s.c + (s.x[k] - s.p[k])
    s.take_center(k)


def downpour_adagrad(rate):
    def exchange(s, k, steps, lr):
        d = s.x[k] - s.p[k]
        s.extra["G"] = s.extra.get("G", 0.0) + d**2
        s.c = s.c + rate * d / (np.sqrt(s.extra["G"]) + 1e-8)
        s.take_center(k)

    return exchange


def adag(s, k, steps, lr):
    s.c = s.c + (s.x[k] - s.p[k]) / steps
    s.take_center(k)


def dynsgd(s, k, steps, lr):
    staleness = s.updates - s.updates_at_pull[k]
    s.c = s.c + (s.x[k] - s.p[k]) / (staleness + 1)
    s.take_center(k)


def dcasgd(lam):
    def exchange(s, k, steps, lr):
        g = -(s.x[k] - s.p[k]) / lr
        s.c = s.c - lr * (g + lam * g * g * (s.c - s.p[k]))
        s.take_center(k)

    return exchange


def async_nesterov(lr_outer, beta):
    def exchange(s, k, steps, lr):
        d = s.p[k] - s.x[k]
        gathered = s.extra.setdefault("round", [])
        gathered.append(d)
        if len(gathered) < K:
            s.c = s.c - lr_outer * d / K
        else:
            s.extra["m"] = beta * s.extra.get("m", 0.0) + sum(gathered) / K
            s.c = s.c - lr_outer * (d / K + beta * s.extra["m"])
            s.extra["round"] = []
        s.take_center(k)

    return exchange


def arrivals(name, rule, exchange):
    draw = stream(name)
    initial = draw()
    s = State(initial)
    events = []
    for k, steps, lr in zip(ORDER, STEPS, RATES):
        movement = draw(lr * steps)
        s.x[k] = s.x[k] + movement
        exchange(s, k, steps, lr)
        s.exchanges_of[k] += 1
        s.updates += 1
        s.updates_at_pull[k] = s.updates
        events.append({
            "worker": k, "movement": rounded(movement), "steps": steps, "lr": lr,
            "center": rounded(s.c), "x": rounded(s.x[k]),
        })
    write(name, rule, K, initial, "exchanges", events)


# Synchronous rules: fold(c, xs, samples, lr, memory) gives the next center and all weights.
def easgd(alpha, beta):
    def fold(c, xs, samples, lr, memory):
        mean = np.mean([x for x, n in zip(xs, samples) if n], axis=0)
        return c + beta * (mean - c), [x - alpha * (x - c) for x in xs]

    return fold


def averaged(outer):
    def fold(c, xs, samples, lr, memory):
        mean = sum(n * x for x, n in zip(xs, samples)) / sum(samples)
        c = outer(c, mean, lr, len(xs), memory)
        return c, [c.copy() for _ in xs]

    return fold


def nesterov(lr_outer, beta):
    def outer(c, mean, lr, workers, memory):
        d = c - mean
        memory["m"] = beta * memory.get("m", 0.0) + d
        return c - lr_outer * (d + beta * memory["m"])

    return outer


def slowmo(alpha, beta):
    def outer(c, mean, lr, workers, memory):
        memory["u"] = beta * memory.get("u", 0.0) + (c - mean) / lr
        return c - alpha * lr * memory["u"]

    return outer


def bmuf(h, z):
    def outer(c, mean, lr, workers, memory):
        total = workers * (c - mean)
        memory["D"] = h * memory.get("D", 0.0) + (1 - h) * z * total
        return c - memory["D"]

    return outer


def rounds(name, rule, fold, workers=3):
    draw = stream(name)
    initial = draw()
    c, xs, memory, events = initial.copy(), [initial.copy() for _ in range(workers)], {}, []
    for samples, lr in zip(SAMPLES, [0.1, 0.1, 0.05, 0.05]):
        samples = (samples * 2)[:workers]
        movements = [draw(5 * lr) for _ in range(workers)]
        xs = [x + movement for x, movement in zip(xs, movements)]
        c, xs = fold(c, xs, samples, lr, memory)
        events.append({
            "lr": lr,
            "workers": [
                {"movement": rounded(m), "samples": n, "x": rounded(x)} for m, n, x in zip(movements, samples, xs)
            ],
            "center": rounded(c),
        })
    write(name, rule, workers, initial, "rounds", events)


def mean_rule(**outer):
    return {"rule": "mean", "outer": outer}


OUT.mkdir(exist_ok=True)
arrivals("elastic", {"rule": "elastic", "alpha": 0.1}, elastic(0.1, 0.1))
arrivals("elastic-decay",
         {"rule": "elastic", "alpha": 0.3, "server-alpha": 0.2, "decay": {"factor": 0.5, "every": 2}},
         elastic(0.3, 0.2, 0.5, 2))
arrivals("easgd-async", {"rule": "elastic", "alpha": 0.9 / K}, elastic(0.9 / K, 0.9 / K))
arrivals("downpour", {"rule": "downpour"}, downpour)
arrivals("downpour-adagrad", {"rule": "downpour", "adagrad": 0.2}, downpour_adagrad(0.2))
arrivals("adag", {"rule": "adag"}, adag)
arrivals("dynsgd", {"rule": "dynsgd"}, dynsgd)
arrivals("dcasgd", {"rule": "dcasgd"}, dcasgd(0.04))
arrivals("async-nesterov", {"rule": "async-nesterov", "workers": K}, async_nesterov(0.7, 0.9))
rounds("easgd", {"rule": "easgd", "alpha": 0.9 / 3}, easgd(0.9 / 3, 0.9))
rounds("mean", mean_rule(outer="none"), averaged(lambda c, mean, lr, workers, memory: mean))
rounds("outer-nesterov", mean_rule(outer="nesterov"), averaged(nesterov(0.7, 0.9)))
rounds("outer-slowmo", mean_rule(outer="slowmo"), averaged(slowmo(1.0, 0.2)), workers=4)
rounds("outer-slowmo-alpha", mean_rule(outer="slowmo", alpha=0.8, beta=0.5), averaged(slowmo(0.8, 0.5)))
rounds("outer-bmuf", mean_rule(outer="bmuf"), averaged(bmuf(1 - 1 / 3, 1.0)))
rounds("outer-bmuf-z", mean_rule(outer="bmuf", h=0.5, z=0.9), averaged(bmuf(0.5, 0.9)))
