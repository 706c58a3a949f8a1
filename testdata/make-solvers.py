#!/usr/bin/env python3
"""Write the golden trajectories of testdata/solvers/: PyTorch's own optimisers and schedules.

Needs PyTorch 2.11.0 and numpy. Everything is in float64, Muon's Newton-Schulz too, which PyTorch runs in bfloat16: what
is compared is the algorithm. Knows nothing of the Rust code: a file holds the tensors of a small net where they start,
the settings, and the tensors after each step. The gradient at x is a x + b, a and b of each tensor's own.
"""
import inspect
import json
import math
import pathlib

import numpy as np
import torch
import torch.optim._muon as muon

OUT = pathlib.Path(__file__).resolve().parent / "solvers"
STEPS = 6
RATES = [0.1, 0.1, 0.1, 0.02, 0.02, 0.05]  # it falls and rises on the way
FIXED = [0.1] * STEPS  # where PyTorch keeps the rate outside the momentum and Caffe does not
# each tensor's shape, factor on the rate and factor on the decay
TENSORS = {
    "conv.bias": ([4], 2, 1),
    "conv.weight": ([4, 3, 3, 3], 1, 1),
    "frozen.mean": ([3], 0, 1),
    "frozen.weight": ([2, 1, 2, 2], 0, 1),
    "ip.bias": ([5], 2, 0),
    "ip.weight": ([5, 8], 1, 3),
    "tall.weight": ([10, 1, 2, 2], 0.5, 2),
}

generator = np.random.default_rng(20)
torch.set_default_dtype(torch.float64)

source = inspect.getsource(muon._zeropower_via_newtonschulz)
assert "grad.bfloat16()" in source
exec(source.replace("grad.bfloat16()", "grad.clone()"), muon.__dict__)


def rounded(values):
    return [float(f"{v:.9g}") for v in np.asarray(values).ravel()]


def drawn(shape, scale=1.0, around=0.0):
    values = rounded(around + scale * generator.standard_normal(shape))
    return torch.tensor(values).reshape(shape)


START = {name: drawn(shape, 0.5) for name, (shape, _, _) in TENSORS.items()}
SLOPE = {name: drawn(shape, 0.3, 1.0) for name, (shape, _, _) in TENSORS.items()}
OFFSET = {name: drawn(shape, 0.2) for name, (shape, _, _) in TENSORS.items()}


def net():
    return {name: torch.nn.Parameter(start.clone()) for name, start in START.items()}


def flat(tensors):
    return rounded(np.concatenate([tensors[name].detach().numpy().ravel() for name in sorted(tensors)]))


def write(name, **content):
    lines = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    (OUT / f"{name}.json").write_text(f"{{\n  {lines}\n}}\n")


def trajectory(name, rates, step, **settings):
    """`step(params, rate)` moves the parameters, whose gradients are set."""
    params, after = net(), []
    stepper = step(params)
    for rate in rates:
        for key, param in params.items():
            param.grad = SLOPE[key] * param.detach() + OFFSET[key]
        stepper(rate)
        after.append(flat(params))
    write(name, settings=settings, rates=rates, after=after)


def optimiser(build, decay=0.0):
    """A PyTorch optimiser with a group for each parameter, whose rate and decay have the parameter's factors."""

    def step(params):
        groups = [{"params": [param], "weight_decay": decay * TENSORS[key][2]} for key, param in params.items()]
        chosen = build(groups)

        def move(rate):
            for key, group in zip(params, chosen.param_groups):
                group["lr"] = rate * TENSORS[key][1]
            chosen.step()

        return move

    return step


def sgd(decay):
    return optimiser(lambda groups: torch.optim.SGD(groups, lr=1.0, momentum=0.9), decay)


def nesterov(decay):
    return optimiser(lambda groups: torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True), decay)


def caffe_nesterov(momentum, decay=0.0):
    """Caffe's NesterovSolver, the rate inside the buffer: x <- x - (1 + mu) v + mu v_before."""

    def step(params):
        v = {key: torch.zeros_like(param) for key, param in params.items()}

        def move(rate):
            with torch.no_grad():
                for key, param in params.items():
                    _, lr_mult, decay_mult = TENSORS[key]
                    before = v[key]
                    v[key] = momentum * before + rate * lr_mult * (param.grad + decay * decay_mult * param)
                    param.sub_((1 + momentum) * v[key] - momentum * before)

        return move

    return step


def shrinking(decay, step):
    """AdamW's decay before each step."""

    def with_decay(params):
        move = step(params)

        def shrink_and_move(rate):
            with torch.no_grad():
                for key, param in params.items():
                    param.mul_(1 - rate * TENSORS[key][1] * decay * TENSORS[key][2])
            move(rate)

        return shrink_and_move

    return with_decay


def muon_and_nesterov(momentum, decay, factor):
    """torch.optim.Muon on filters as matrices at `factor` times the rate, Caffe's Nesterov on the rest."""

    def step(params):
        filters = {key: param for key, param in params.items() if param.ndim == 4}
        matrices = {key: torch.nn.Parameter(param.detach().flatten(1)) for key, param in filters.items()}
        others = {key: param for key, param in params.items() if param.ndim != 4}
        move_others = shrinking(decay, caffe_nesterov(momentum))(others)
        move_matrices = optimiser(lambda p: torch.optim.Muon(p, momentum=momentum), decay)(matrices)

        def move(rate):
            move_others(rate)
            for key, matrix in matrices.items():
                matrix.grad = filters[key].grad.flatten(1)
            move_matrices(factor * rate)
            with torch.no_grad():
                for key, matrix in matrices.items():
                    filters[key].copy_(matrix.view(filters[key].shape))

        return move

    return step


def clipped(limit, step):
    """torch's clip_grad_norm_ before each step."""

    def with_limit(params):
        move = step(params)

        def clip_and_move(rate):
            torch.nn.utils.clip_grad_norm_(params.values(), limit)
            move(rate)

        return clip_and_move

    return with_limit


def lookahead(every, alpha, step):
    """Zhang, Lucas, Hinton and Ba (2019), algorithm 1."""

    def with_slow_weights(params):
        move, slow, done = step(params), {key: param.detach().clone() for key, param in params.items()}, [0]

        def step_and_follow(rate):
            move(rate)
            done[0] += 1
            if done[0] % every == 0:
                with torch.no_grad():
                    for key, param in params.items():
                        slow[key] = slow[key] + alpha * (param - slow[key])
                        param.copy_(slow[key])

        return step_and_follow

    return with_slow_weights


def schedule(name, build, steps, **settings):
    """The rate of each step of a PyTorch scheduler."""
    chosen = torch.optim.SGD(net().values(), lr=0.5)
    scheduler, rates = build(chosen), []
    for _ in range(steps):
        rates.append(chosen.param_groups[0]["lr"])
        chosen.step()
        scheduler.step()
    write(name, base=0.5, settings=settings, rates=rates)


def triangle(start, peak, end, steps):
    return lambda step: float(np.interp(step, [0, peak * (steps - 1), steps - 1], [start, 1, end]))


def cosine_then_warm(warm, steps):
    def factor(step):
        return (1 + math.cos(math.pi * step / steps)) / 2 * (min(step + 1, warm) / warm)

    return factor


OUT.mkdir(exist_ok=True)
write(
    "net",
    tensors=[
        {"name": name, "shape": shape, "lr_mult": lr_mult, "decay_mult": decay_mult}
        for name, (shape, lr_mult, decay_mult) in TENSORS.items()
    ],
    start=flat(START),
    slope=flat(SLOPE),
    offset=flat(OFFSET),
)
DECAY = 0.05
shared = {"momentum": 0.9, "decay": DECAY}
betas = (0.9, 0.99)
adamw = optimiser(lambda p: torch.optim.AdamW(p, betas=betas, eps=1e-8), DECAY)
trajectory("sgd", FIXED, sgd(DECAY), **shared)
trajectory("sgd-decoupled", FIXED, shrinking(DECAY, sgd(0.0)), **shared)
trajectory("nesterov", FIXED, nesterov(DECAY), **shared)
trajectory("nesterov-caffe", RATES, caffe_nesterov(0.9, DECAY), **shared)
trajectory("nesterov-decoupled", FIXED, shrinking(DECAY, nesterov(0.0)), **shared)
trajectory("adam", RATES, optimiser(lambda p: torch.optim.Adam(p, betas=betas, eps=1e-3), DECAY), **shared, beta2=0.99,
           delta=1e-3)
trajectory("adamw", RATES, adamw, **shared, beta2=0.99, delta=1e-8)
trajectory("muon", RATES, muon_and_nesterov(0.9, DECAY, 3.0), **shared, factor=3.0)
trajectory("clip", FIXED, clipped(2.0, nesterov(DECAY)), **shared, limit=2.0)
trajectory("lookahead", RATES, lookahead(2, 0.3, adamw), **shared, beta2=0.99, delta=1e-8, every=2, alpha=0.3)

schedules = torch.optim.lr_scheduler
schedule("cosine", lambda o: schedules.CosineAnnealingLR(o, T_max=9), 9)
schedule("cosine-warm-up", lambda o: schedules.LambdaLR(o, cosine_then_warm(4, 9)), 9, warm_up=4)
schedule("triangular", lambda o: schedules.LambdaLR(o, triangle(0.2, 0.23, 0.07, 12)), 12, start=0.2, peak=0.23,
         end=0.07)

logits = torch.nn.Parameter(drawn([4, 10], 2.0))
labels = torch.tensor([3, 0, 9, 3])
loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.2)
loss.backward()
write("label-smoothing", smoothing=0.2, shape=[4, 10], logits=rounded(logits.detach()), labels=labels.tolist(),
      loss=loss.item(), gradient=rounded(logits.grad))
