// The estimate of a run's memory, and its comparison with what is known of the machines.
package io.firesteel.train.run

import io.firesteel.{FiresteelException, Started, TestSpark, TrainConfig}
import io.firesteel.jni.Kind
import io.firesteel.tensors.Tensors
import io.firesteel.train.{Events, Runs}
import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite

class MemoryCheckTest extends AnyFunSuite {
  import MemoryCheck.Capacity

  private val GiB = 1L << 30
  private val MiB = 1L << 20
  private val none = MemoryLimit(Long.MaxValue, "nothing", 0)

  /** 250 million weights a vector: 1 GB; four workers with 1 GiB each, and another in a step. */
  private val plan = {
    val config = TrainConfig(workers = Some(4), batch = Some(64), solverState = "reset")
    Plan(config, "", Tensors(Nil), 250000000, 1, 1, "", IndexedSeq(PeriodStart(0, config.tau)))
  }
  private val worker = WorkerMemory(GiB, GiB, GiB / 2, none)
  private val large =
    Capacity(local = true, slots = 2, heap = 100 * GiB, limit = Some(none), overhead = None, driverHeap = 100 * GiB)

  private def refused(capacity: Capacity, of: Plan = plan): String = {
    val e = intercept[FiresteelException](MemoryCheck.estimate(of, worker, Some(worker), capacity))
    assert(e.kind == Kind.MEMORY)
    e.getMessage
  }

  private def warned(capacity: Capacity): String =
    MemoryCheck.estimate(plan, worker, Some(worker), capacity).warning.getOrElse("")

  test("all workers of local Spark are in one process, of which as many step as there are slots") {
    val needs = MemoryCheck.estimate(plan, worker, Some(worker), large)
    assert(needs.warning.isEmpty && needs.worker == 2 * GiB)
    def withSlack(bytes: Long) = MemoryCheck.ProcessBytes + (bytes * MemoryCheck.Slack).toLong
    assert(needs.process == withSlack(4 * GiB + 4 * GiB + 2 * GiB))
    val executors = MemoryCheck.estimate(plan, worker, None, large.copy(local = false, limit = None))
    assert(executors.process == withSlack(2 * GiB + 2 * GiB))
  }

  test("what cannot fit is refused with figures and what to change") {
    val small = large.copy(limit = Some(MemoryLimit(3 * GiB, "ulimit -v", 0)))
    assert(
      refused(
        small
      ) == "the workers take about 5.0 GiB of native memory, 1.0 GiB of it for a step on a minibatch of 64, " +
        "and 3.0 GiB is all that ulimit -v leaves: lower batch, or workers"
    )
    val container = large.copy(local = false, limit = Some(MemoryLimit(GiB, "an executor's container", 0)))
    assert(refused(container).endsWith("lower batch, or raise spark.executor.memoryOverhead"))
    assert(refused(large.copy(driverHeap = 4 * GiB)).contains("weights of 4 workers and of the center take 4.7 GiB"))
    assert(refused(large.copy(local = false, heap = GiB)).endsWith("raise --executor-memory"))
  }

  test("the weights of the best evaluation are one more vector in the driver") {
    val best = plan.copy(config = plan.config.copy(restoreBestWeights = true))
    def heap(of: Plan) = MemoryCheck.estimate(of, worker, Some(worker), large).driverHeap
    assert(heap(best) - heap(plan) == 1000000000L)
    assert(refused(large.copy(driverHeap = 4 * GiB), best).contains("take 5.6 GiB of heap"))
  }

  test("what may not fit is a warning with the setting that helps") {
    val container = large.copy(local = false, limit = Some(MemoryLimit(9 * GiB, "it", 0)), overhead = Some(GiB))
    assert(warned(container).contains("spark.executor.memoryOverhead to 9616m"), warned(container))
    assert(warned(large.copy(limit = Some(none.copy(available = GiB)))).contains("1.0 GiB of the machine are free"))
    assert(
      warned(large.copy(limit = Some(MemoryLimit(10 * GiB, "its container's limit", 0)))).contains("its container's")
    )
    assert(warned(large.copy(local = false, limit = None, heap = 5 * GiB)).endsWith("raise --executor-memory"))
    assert(warned(large.copy(driverHeap = 6 * GiB)).endsWith("raise --driver-memory"))
  }

  test("the size of an executor's container is computed as Spark does") {
    val conf = new SparkConf(false)
    assert(MemoryCheck.overheadBytes(conf, "spark://host:7077", GiB).isEmpty)
    assert(MemoryCheck.overheadBytes(conf, "yarn", GiB).contains(384 * MiB))
    assert(MemoryCheck.overheadBytes(conf, "k8s://host", 10 * GiB).contains(GiB))
    assert(MemoryCheck.overheadBytes(conf.set("spark.executor.memoryOverhead", "777"), "yarn", GiB).contains(777 * MiB))
  }

  test("a run reports its needs before it begins") {
    TestSpark.using("local[2]") { sc =>
      val events = new Events
      Runs.train(sc, Runs.small.copy(iterations = Some(1)), events)
      val needs = events.of[Started].head.needs.get
      assert(needs.local && needs.worker > 5 * MiB && needs.worker < 100 * MiB && needs.driverHeap > 2 * MiB)
      assert(needs.text.contains("MiB a worker"))
    }
  }
}
