// Why an executor ended, from Spark's reason.
package io.firesteel.train.faults

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.util.concurrent.RejectedExecutionException
import org.apache.spark.firesteel.Failures
import org.apache.spark.{ExceptionFailure, ExecutorLostFailure, SparkConf}
import org.scalatest.funsuite.AnyFunSuite

class ExecutorDeathTest extends AnyFunSuite {
  private val death = new ExecutorDeath(new SparkConf(false).set("spark.executor.memory", "480m"), Some(1500L << 20))

  private def failed(error: Throwable) =
    new ExceptionFailure(error.getClass.getName, error.getMessage, error.getStackTrace, "", None)

  test("a full heap is reported with its size and the option that raises it, after a task or the process failed") {
    val said = "executor 3: its heap of 480 MiB is full: raise --executor-memory"
    val told = Seq(
      death.of("3", failed(new OutOfMemoryError("Java heap space"))),
      death.of("3", failed(new OutOfMemoryError("GC overhead limit exceeded"))),
      death.of("3", "Command exited with code 52")
    )
    assert(told.flatten.map(e => (e.kind, e.getMessage)) == Seq.fill(3)((Kind.MEMORY, said)))
  }

  test("an error of other memory does not advise a larger heap") {
    val told = death.of("3", failed(new OutOfMemoryError("unable to create native thread")))
    assert(told.map(_.getMessage).contains("executor 3: the JVM is out of memory (unable to create native thread)"))
  }

  test("the advice for a killed process is a memory overhead, with its size if it was estimated") {
    val ends = Seq(
      "Command exited with code 137",
      "Container from a bad node: container_1 on host: h. Exit status: 137. Diagnostics: Killed by external signal",
      "The executor with id 1 exited with exit code 137(SIGKILL, possible container OOM)."
    )
    for (end <- ends) {
      assert(death.remedy(end).exists(_.endsWith("set spark.executor.memoryOverhead to at least 1501m")), end)
      assert(death.tooOften(end, 8).exists(e => e.kind == Kind.MEMORY && e.getMessage.startsWith("8 executors")), end)
      assert(death.of("1", end).isEmpty, "another attempt may end better")
    }
    val unknown = new ExecutorDeath(new SparkConf(false), None).remedy(ends.head)
    assert(unknown.exists(_.endsWith("set spark.executor.memoryOverhead higher")))
  }

  test("a worker without native memory ends the run with its own message") {
    def failure(kind: Kind) = {
      val ours = new FiresteelException(kind, "worker 0: no memory")
      death.of("3", Failures.of(new IllegalStateException("a task", ours)))
    }
    assert(failure(Kind.MEMORY).map(e => (e.kind, e.getMessage)).contains((Kind.MEMORY, "worker 0: no memory")))
    assert(failure(Kind.INTERNAL).isEmpty)
  }

  test("other ends and failures are not taken for a lack of memory") {
    assert(death.remedy("Command exited with code 1").isEmpty && death.of("1", "Command exited with code 1").isEmpty)
    assert(death.remedy("Executor decommission: Executor 0 is decommissioned.").isEmpty)
    assert(death.of("1", failed(new IllegalStateException("Java heap space"))).isEmpty)
    assert(death.of("1", ExecutorLostFailure("1", exitCausedByApp = true, Some("lost"))).isEmpty)
  }

  test("failures that follow from the end of an executor are recognized") {
    assert(ExecutorDeath.isAftermath(ExecutorLostFailure("1", exitCausedByApp = true, Some("lost"))))
    assert(ExecutorDeath.isAftermath(failed(new RejectedExecutionException("Shutting down"))))
    assert(!ExecutorDeath.isAftermath(failed(new OutOfMemoryError("Java heap space"))))
  }
}
