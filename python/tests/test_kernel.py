"""The Scala kernel, as Jupyter sees it."""

import json
import os
import sys
from pathlib import Path

import pytest
from conftest import TINY
from jupyter import install, kernel

import firesteel_tools
from firesteel_tools.command import main
from firesteel_tools.process import command

FIT = """
import io.firesteel.ml._
val images = spark.read.format("cifar").load("%s")
val small = new CnnClassifier().setFeaturesCol("image").setBatch(10).setTau(2).setWorkers(2).setSeed(1)
""" % TINY


@pytest.fixture(scope="module", autouse=True)
def installed(remote, tmp_path_factory):
    if remote:
        pytest.skip("it has a Spark of its own")
    before = os.environ.get("JUPYTER_PATH")
    install(tmp_path_factory.mktemp("prefix"))
    yield
    if before is None:
        del os.environ["JUPYTER_PATH"]
    else:
        os.environ["JUPYTER_PATH"] = before


@pytest.fixture(scope="module")
def notebook(installed):
    os.environ["FIRESTEEL_SUBMIT_ARGS"] = "--master local[2] --conf spark.ui.enabled=false --conf 'spark.app.name=a cell'"
    try:
        with kernel() as running:
            yield running
    finally:
        del os.environ["FIRESTEEL_SUBMIT_ARGS"]


def test_spark_is_there_with_the_settings_of_the_environment(notebook):
    cell = notebook.run('println(s"${sc.master}, ${sc.appName}, ${spark.range(5).count()}")')
    assert cell.printed() == "local[2], a cell, 5\n" and cell.reply["status"] == "ok", cell.messages


def test_a_cell_has_several_lines_and_keeps_what_it_defines(notebook):
    cell = notebook.run("val a = 2\n\ndef twice(n: Int): Int = {\n  n * 2\n}\nval b = twice(a)")
    assert "val b: Int = 4" in cell.result
    assert notebook.run("twice(b) + a").result.endswith(": Int = 10")


def test_case_classes_are_rows_of_datasets(notebook):
    notebook.run("case class Person(name: String, age: Int)\nval people = Seq(Person(\"Ada\", 36), Person(\"Alan\", 41)).toDS()")
    cell = notebook.run("people.map(p => p.copy(age = p.age + 1)).filter(_.age > 40).collect().foreach(println)")
    assert cell.printed() == "Person(Alan,42)\n", cell.error
    at_once = notebook.run("case class Pair(a: Long, b: Long)\nspark.range(3).map(n => Pair(n, n * n)).filter(_.b > 1).collect().foreach(println)")
    assert at_once.printed() == "Pair(2,4)\n", at_once.error


def test_what_is_printed_appears_while_the_cell_runs(notebook, tmp_path):
    go = tmp_path / "go"

    def look(kind, content):
        if kind == "stream" and "größer" in content["text"]:
            go.touch()  # the cell waits for it

    cell = notebook.run(f'println("größer 😀"); while (!java.nio.file.Files.exists(java.nio.file.Path.of("{go}"))) Thread.sleep(20)', look)
    assert cell.printed() == "größer 😀\n"
    assert notebook.run('Console.err.println("wrong"); System.out.print("right")').printed("stderr") == "wrong\n"


def test_an_error_is_told_shortly_and_the_kernel_goes_on(notebook):
    cell = notebook.run('def deep(n: Int): Int = if (n == 0) sys.error("too deep") else 1 + deep(n - 1)\ndeep(50)')
    assert (cell.reply["ename"], cell.reply["evalue"]) == ("RuntimeException", "too deep")
    assert "deep(cell:1)" in cell.error and len(cell.error.splitlines()) < 10 and "$line" not in cell.error
    wrong = notebook.run("val x: Int = \"text\"")
    assert (wrong.reply["ename"], wrong.reply["evalue"]) == ("CompileError", "type mismatch;") and "cell:1" in wrong.error
    assert notebook.run("val y = {").reply["evalue"] == "the cell ends within an expression"
    failed = notebook.run('spark.range(3).foreach((_: java.lang.Long) => sys.error("in a task"))')
    assert failed.reply["ename"] == "SparkException" and "in a task" in failed.error and "DAGScheduler" not in failed.error
    assert notebook.run("1 + 1").result.endswith("Int = 2")


def test_html_and_pictures_are_shown(notebook):
    cell = notebook.run('display.html("<b>bold</b>")\ndisplay.svg("<svg xmlns=\'http://www.w3.org/2000/svg\'/>")')
    data = [content["data"] for content in cell.of("display_data")]
    assert data[0]["text/html"] == "<b>bold</b>" and data[1]["image/svg+xml"].startswith("<svg")


def test_names_are_completed(notebook):
    notebook.run("val dataset = spark.range(3)")
    found = notebook.complete('val s = "😀"; dataset.createOrRep')
    assert "createOrReplaceTempView" in found["matches"]
    assert found["cursor_start"] == len('val s = "😀"; dataset.') and found["cursor_end"] == len('val s = "😀"; dataset.createOrRep')
    assert "dataset" in notebook.complete("datas")["matches"]
    assert notebook.complete("nothingLikeThis")["matches"] == []


def test_an_interrupted_cell_ends_with_its_spark_jobs(notebook):
    def look(kind, content):
        if kind == "stream" and "begun" in content["text"]:
            notebook.manager.interrupt_kernel()

    cell = notebook.run('println("begun"); sc.parallelize(1 to 2, 2).foreach(_ => Thread.sleep(3600000))', look)
    assert (cell.reply["status"], cell.reply["ename"]) == ("error", "Interrupted")
    idle = notebook.run("while (sc.statusTracker.getActiveJobIds.nonEmpty) Thread.sleep(20); sc.parallelize(1 to 4, 2).sum")
    assert idle.result.endswith("Double = 10.0")


def test_a_fit_is_shown_and_an_interrupted_one_ends(notebook):
    notebook.run(FIT)
    shown = notebook.run("val model = small.setIterations(4).fit(images)")
    first, last = shown.of("display_data")[0], shown.of("update_display_data")[-1]
    assert "cifar10_quick" in first["data"]["text/html"] or "preparing" in first["data"]["text/html"]
    assert "done in" in last["data"]["text/plain"] and last["transient"] == first["transient"], shown.error

    def look(kind, content):
        if kind == "update_display_data" and "loss" in content["data"]["text/plain"]:
            notebook.manager.interrupt_kernel()

    endless = notebook.run("small.setIterations(50000000).fit(images)", look)
    assert endless.reply["ename"] == "Interrupted"
    assert endless.of("update_display_data")[-1]["data"]["text/plain"].endswith("not finished")
    again = notebook.run("small.setIterations(4).fit(images).summary.samples")
    assert again.result.endswith(": Long = 80"), again.error


def test_without_spark_the_cell_says_what_to_do():
    site = str(Path(firesteel_tools.__file__).parents[1])  # the wheel, and no pyspark
    with kernel(PATH=os.environ["PATH"], HOME=os.environ["HOME"], PYTHONPATH=site) as running:
        cell = running.run("1 + 1")
        assert cell.reply["ename"] == "NoSpark" and "set SPARK_HOME" in cell.error and "pip install" in cell.error


def test_a_spark_that_does_not_start_is_told_with_what_it_said(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRESTEEL_SUBMIT_ARGS", "--master nonsense")
    with kernel() as running:
        cell = running.run("1 + 1")
        assert cell.reply["status"] == "error" and "nonsense" in cell.error or "Master" in cell.error, cell.error
        assert running.run("2").reply["status"] == "error"


def test_the_kernel_is_installed_where_it_is_said(tmp_path, capsys):
    home = os.environ["SPARK_HOME"]
    assert main(["kernel", "install", "--prefix", str(tmp_path), "--spark-home", home]) == 0
    spec = json.loads((tmp_path / "share/jupyter/kernels/firesteel-scala/kernel.json").read_text())
    assert spec["argv"][0] == sys.executable and spec["env"] == {"SPARK_HOME": str(Path(home).resolve())}
    assert spec["display_name"] == "Scala (Spark, Firesteel)" and spec["language"] == "scala"
    assert main(["kernel", "install", "--prefix", str(tmp_path), "--spark-home", str(tmp_path)]) == 1
    assert "has no bin/spark-submit" in capsys.readouterr().err
    assert main(["jars"]) == 0 and "firesteel" in capsys.readouterr().out


def test_jars_of_the_user_and_of_firesteel_are_one_option(monkeypatch):
    monkeypatch.setenv("FIRESTEEL_SUBMIT_ARGS", "--master yarn --jars=mine.jar,other.jar --conf 'a=b c'")
    words = command(Path("/spark"), ["driver.jar", "native.jar"])
    assert words[words.index("--jars") + 1] == "mine.jar,other.jar,native.jar" and words.count("--jars") == 1 and "a=b c" in words
    monkeypatch.setenv("FIRESTEEL_SUBMIT_ARGS", "")
    assert command(Path("/spark"), ["driver.jar"])[3:] == ["--deploy-mode", "client", "--class", "io.firesteel.notebook.Kernel", "driver.jar"]
