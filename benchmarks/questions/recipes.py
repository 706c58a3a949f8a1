"""A recipe of configs/ in Firesteel and in PyTorch: seconds of training and accuracy after each epoch."""

import json

from . import runs


class Recipe:
    """What `configs/NAME` says, trained for whole epochs of `rows` images by `threads` threads on either side; the last
    minibatch of an epoch is left out."""

    def __init__(self, name, rows, threads, **changes):
        self.threads = threads
        self.path = runs.ROOT / "configs" / name
        self.settings = {**json.loads(self.path.read_text()), **changes}
        self.epochs = self.settings["epochs"]
        self.steps = rows // self.settings["batch"]  # of an epoch

    def options(self, arguments, seed, out):
        """The command line of a run of Firesteel, which is evaluated after each epoch."""
        whole = {key: value for key, value in self.settings.items() if key != "epochs"}
        config = out.with_suffix(".json")
        config.write_text(json.dumps({**whole, "iterations": self.epochs * self.steps, "tau": self.steps}))
        options = ["--config", str(config), "--data", arguments.data, "--precision", arguments.precision, "--seed", str(seed)]
        return [*options, "--eval-every", "1", "--threads", str(self.threads), "--out", str(out)]

    def ours(self, out):
        """Seconds and accuracy after each epoch of the run in `out`."""
        return [[e["seconds"], e["accuracy"]] for e in runs.events(out) if e["event"] == "eval"][: self.epochs]

    def theirs(self, arguments, seed, out):
        """The same of PyTorch."""
        asked = self.settings
        augment = dict(part.partition(":")[::2] for part in asked["augment"].split(","))
        border = "reflect" if "crop-reflect" in augment else "black"
        options = ["--data", arguments.data, "--out", str(out), "--precision", arguments.precision, "--seed", str(seed)]
        for key in ("net", "batch", "lr", "momentum", "weight-decay", "lr-policy", "epochs", *(["size"] if "size" in asked else [])):
            options += [f"--{key}", str(asked[key])]
        options += ["--border", border, "--pad", augment.get("crop-reflect") or augment["crop"], "--threads", str(self.threads)]
        options += ["--nesterov"] if asked["solver"] == "nesterov" else []
        runs.python("peers", "peers.train", options)
        return [[line["seconds"], line["accuracy"]] for line in map(json.loads, out.read_text().splitlines())]
