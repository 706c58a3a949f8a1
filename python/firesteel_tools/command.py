"""The command `firesteel`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Optional

from firesteel_tools.spark import NoSpark, find_jars, find_spark

NAME = "firesteel-scala"  # of the kernel's directory


def main(arguments: Optional[list[str]] = None) -> int:
    """Runs the command, and returns its exit status."""
    asked = _parser().parse_args(arguments)
    try:
        return asked.run(asked)
    except (NoSpark, OSError) as e:
        print(f"firesteel: {e}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firesteel", description="Convolutional networks trained inside Spark executors")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    jars = commands.add_parser("jars", help="print the jars for Spark's --jars, separated by commas")
    jars.set_defaults(run=_jars)
    kernel = commands.add_parser("kernel", help="the Scala kernel for Jupyter").add_subparsers(required=True, metavar="COMMAND")
    install = kernel.add_parser("install", help="install it, by default into the environment of this Python")
    place = install.add_mutually_exclusive_group()
    place.add_argument("--user", action="store_true", help="for all environments of this user")
    place.add_argument("--prefix", metavar="DIR", default=sys.prefix, help="below DIR/share/jupyter/kernels")
    install.add_argument("--spark-home", metavar="DIR", type=Path, help="the Spark that it starts (default: SPARK_HOME, or pyspark)")
    install.set_defaults(run=_install)
    return parser


def _jars(_: argparse.Namespace) -> int:
    print(",".join(find_jars(find_spark())))
    return 0


def _install(asked: argparse.Namespace) -> int:
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ModuleNotFoundError:
        print("firesteel: the kernel needs Jupyter's packages: pip install 'firesteel[kernel]'", file=sys.stderr)
        return 1
    spec = {
        "argv": [sys.executable, "-m", "firesteel_tools.kernel", "-f", "{connection_file}"],
        "display_name": "Scala (Spark, Firesteel)",
        "language": "scala",
        "env": {},
    }
    if asked.spark_home:
        home = asked.spark_home.resolve()
        if not (home / "bin" / "spark-submit").is_file():
            print(f"firesteel: {home} has no bin/spark-submit: --spark-home is the directory of a Spark", file=sys.stderr)
            return 1
        spec["env"]["SPARK_HOME"] = str(home)
    made = Path(tempfile.mkdtemp())
    try:
        (made / "kernel.json").write_text(json.dumps(spec, indent=1))
        place = KernelSpecManager().install_kernel_spec(
            str(made), NAME, user=asked.user, prefix=None if asked.user else asked.prefix
        )
    finally:
        shutil.rmtree(made)
    print(f"installed {place}")
    return 0
