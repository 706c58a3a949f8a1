// What decides the bits of a result, as executors tell it.
package io.firesteel.train

import io.firesteel.{Machine, Started, TestSpark}
import org.scalatest.funsuite.AnyFunSuite

class MachineTest extends AnyFunSuite {
  private val one = Machine("0", "EPYC", "AVX512", 1, "2.11.0")

  test("executors of one kind are nothing to warn of") {
    assert(Machine.difference(Nil).isEmpty)
    assert(Machine.difference(Seq(one, one.copy(executor = "1"))).isEmpty)
  }

  test("each difference is named with its executors, of many the first") {
    val warning = Machine.difference(Seq(one, one.copy(executor = "1", instructionSet = "AVX2", threads = 2)))
    assert(
      warning.contains(
        "executors differ in instruction set (AVX2 on 1; AVX512 on 0), threads of a worker (1 on 0; 2 on 1): " +
          "the same weights bit for bit are promised where all of that is the same"
      )
    )
    val others = (1 to 6).map(id => one.copy(executor = id.toString, libtorch = "2.12.0"))
    assert(Machine.difference(one +: others).exists(_.contains("libtorch (2.11.0 on 0; 2.12.0 on 1, 2, 3, 4 and 2 more)")))
    assert(Machine.difference(Seq(one, one.copy(executor = "1", cpu = "Xeon"))).exists(_.contains("processor (EPYC on 0;")))
  }

  test("the first event tells each executor's own") {
    def machines(events: Events) = events.of[Started].head.machines
    val local = new Events
    TestSpark.using("local[2]")(sc => Runs.train(sc, Runs.small, local))
    assert(machines(local).map(_.executor) == Seq("driver") && machines(local).head.libtorch == "2.11.0")
    val cluster = new Events
    TestSpark.usingCluster(sc => Runs.train(sc, Runs.small.copy(threads = 64), cluster))
    assert(machines(cluster).map(_.executor) == Seq("0", "1"))
    assert(machines(cluster).forall(_.threads == Runtime.getRuntime.availableProcessors))
    assert(machines(cluster).map(_.instructionSet).toSet == machines(local).map(_.instructionSet).toSet)
  }
}
