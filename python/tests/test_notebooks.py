"""The notebooks in examples/, run from end to end on a small data set."""

import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from jupyter import SECONDS, install
from nbclient import NotebookClient

import firesteel

EXAMPLES = ROOT / "examples"


@pytest.fixture(autouse=True)
def small(remote, monkeypatch, tmp_path):
    if remote:
        pytest.skip("they start a Spark of their own")
    monkeypatch.setenv("FIRESTEEL_FASHION_MNIST", str(ROOT / "testdata" / "idx-tiny"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))


@pytest.mark.parametrize("name, kind", [("python", "image/png"), ("scala", "image/svg+xml")])
def test_a_notebook_runs_from_data_to_a_served_model(name, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "")  # which is set below, and as it was afterwards
    install(tmp_path)
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", 4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    pages = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert "200 images to learn from" in printed and "accuracy on the test images" in printed
    assert len(re.findall(r"^lr 0\.00\d+: \d+\.\d %$|^lr 1\.0E-4: \d+\.\d %$", printed, re.M)) == 2
    assert printed.count("is told to be") == 8
    assert sum("done in" in page for page in pages) == 4, pages  # the fit, two learning rates, the better one again
    assert any(kind in output.get("data", {}) for output in outputs)


def test_the_notebooks_have_outputs_and_are_small():
    for file in sorted(EXAMPLES.glob("*.ipynb")):
        assert file.stat().st_size < 300_000
        cells = [cell for cell in nbformat.read(file, 4).cells if cell.cell_type == "code"]
        assert sum(bool(cell.outputs) for cell in cells) > len(cells) / 2, file.name
        assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"], file.name


def test_the_shell_runs_its_script(tmp_path):
    shell = [str(Path(os.environ["SPARK_HOME"]) / "bin" / "spark-shell"), "--master", "local[2]", "--conf", "spark.ui.enabled=false"]
    command = [*shell, "--jars", ",".join(firesteel.jars()), "-i", str(EXAMPLES / "shell.scala")]
    run = subprocess.run(command, input=":quit\n", capture_output=True, text=True, cwd=tmp_path, timeout=SECONDS)
    assert "accuracy on 100 test images" in run.stdout and "only showing top 5 rows" in run.stdout, run.stdout + run.stderr
    assert "\r" not in run.stderr  # no line that moves where there is no terminal
