"""Images a second of PyTorch in the steady state, as one line of JSON: alone, under Spark's TorchDistributor, or of its
matrix products as if there were nothing else."""

import argparse
import json
import os
import time

import torch

from . import data, loops, nets, products


def measure(arguments, distributed):
    """Images a second of all processes together, which start and end together."""
    torch.set_num_threads(arguments["threads"])
    images, labels = data.read(arguments["data"], "train")
    net, batch = nets.build(arguments["net"]), arguments["batch"]
    steps = loops.VARIANTS[arguments["variant"]](net, images, labels, batch, distributed)
    for _ in range(arguments["warm_up"]):
        next(steps)
    if distributed:
        torch.distributed.barrier()
    started = time.perf_counter()
    for _ in range(arguments["steps"]):
        next(steps)
    if distributed:
        torch.distributed.barrier()
    seconds = time.perf_counter() - started
    processes = torch.distributed.get_world_size() if distributed else 1
    return processes * arguments["steps"] * batch / seconds


def train(arguments):
    """What TorchDistributor runs in each process."""
    torch.distributed.init_process_group("gloo")
    try:
        return measure(arguments, distributed=True)
    finally:
        torch.distributed.destroy_process_group()


def under_spark(arguments):
    import pyspark
    from pyspark.ml.torch.distributor import TorchDistributor
    from pyspark.sql import SparkSession

    os.environ.pop("SPARK_HOME", None)  # the Spark beside this Python, whatever else is installed
    workers = arguments["processes"]
    spark = SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", False).getOrCreate()
    try:
        speed = TorchDistributor(num_processes=workers, local_mode=True, use_gpu=False).run(train, arguments)
    finally:
        spark.stop()
    return speed, {"torch": torch.__version__, "spark": pyspark.__version__}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, choices=["plain", "torchdistributor", "products"])
    parser.add_argument("--variant", default="tuned", choices=list(loops.VARIANTS))
    parser.add_argument("--net", required=True, choices=list(nets.NETS))
    parser.add_argument("--data", required=True, help="directory of CIFAR-10's binary files, or of 28 x 28 idx files")
    parser.add_argument("--batch", required=True, type=int, help="of each process")
    parser.add_argument("--threads", default=1, type=int, help="of each process")
    parser.add_argument("--processes", default=2, type=int, help="of torchdistributor and products")
    parser.add_argument("--warm-up", default=50, type=int, help="minibatches of each process that are not counted")
    parser.add_argument("--steps", default=200, type=int, help="minibatches of each process that are")
    arguments = vars(parser.parse_args())
    versions = {"torch": torch.__version__}
    if arguments["peer"] == "plain":
        speed = measure(arguments, distributed=False)
    elif arguments["peer"] == "products":
        speed = products.measure(arguments)
    else:
        speed, versions = under_spark(arguments)
    print(json.dumps({**arguments, "images_per_second": speed, "versions": versions}))


if __name__ == "__main__":
    main()
