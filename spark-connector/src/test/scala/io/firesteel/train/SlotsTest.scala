// How many task slots there are going to be, and what a run makes of it.
package io.firesteel.train

import io.firesteel.{ExchangeDone, FiresteelException, Started, TestSpark}
import io.firesteel.jni.Kind
import io.firesteel.train.placement.Slots
import io.firesteel.train.run.Plan
import org.apache.spark.SparkConf
import org.apache.spark.firesteel.Supply
import org.apache.spark.firesteel.Supply.{Cores, Executors, Unknown}
import org.scalatest.funsuite.AnyFunSuite

class SlotsTest extends AnyFunSuite {
  private val short = Runs.small.copy(workers = None, iterations = Some(2), tau = 1)

  private def started(events: Events): (Option[Int], Int) = {
    val event = events.of[Started].head
    (event.config.workers, event.slots)
  }

  test("what the settings of an application promise") {
    val dynamic = Seq("spark.dynamicAllocation.enabled" -> "true")
    val rows = Seq[(String, Seq[(String, String)], Supply)](
      ("spark://host:7077", Nil, Unknown),
      ("spark://host:7077", Seq("spark.cores.max" -> "12"), Cores(12)),
      ("spark://host:7077", Seq("spark.cores.max" -> "12", "spark.executor.cores" -> "5"), Executors(2)),
      ("local-cluster[2,3,1024]", Nil, Cores(6)),
      ("local-cluster[ 2 , 5 , 1024 ]", Seq("spark.executor.cores" -> "2"), Executors(4)),
      ("yarn", Nil, Executors(2)),
      ("yarn", Seq("spark.executor.instances" -> "7"), Executors(7)),
      ("k8s://https://host:6443", Seq("spark.executor.instances" -> "3"), Executors(3)),
      ("yarn", dynamic, Executors(0)),
      ("yarn", dynamic :+ ("spark.dynamicAllocation.minExecutors" -> "3"), Executors(3)),
      ("spark://host:7077", dynamic :+ ("spark.dynamicAllocation.maxExecutors" -> "5"), Executors(5)),
      ("other:", Nil, Unknown)
    )
    for ((master, settings, expected) <- rows)
      assert(Supply.of(new SparkConf(false).setMaster(master).setAll(settings)) == expected, s"$master $settings")
    val conf = new SparkConf(false).setMaster("yarn")
    assert(Supply.onDemand(conf).isEmpty && Supply.onDemand(conf.setAll(dynamic)).contains(Executors(Int.MaxValue)))
  }

  test("there is a worker for each slot, whatever Spark's default parallelism, and none for more than the rows") {
    val events = new Events
    TestSpark.using("local[3]", "spark.default.parallelism" -> "200")(sc => Runs.train(sc, short, events))
    assert(started(events) == (Some(3), 3))
    TestSpark.using("local[500]") { sc =>
      val train = Runs.cifar10(sc).train
      assert(Plan.resolve(short, train, Slots.settled(sc, None, _ => ())).workers == train.rows)
    }
  }

  test("a strategy of one worker takes one slot of many") {
    val events = new Events
    TestSpark.using("local[3]")(sc => Runs.train(sc, short.copy(strategy = "sequential"), events))
    assert(started(events) == (Some(1), 3))
  }

  test("the executors that a cluster promises are waited for") {
    val events = new Events
    TestSpark.usingClusterOf("local-cluster[1,3,1024]")()(sc => Runs.train(sc, short, events))
    assert(started(events) == (Some(3), 3))
  }

  test("dynamic allocation without an executor is asked for those that the workers need") {
    val dynamic = Seq(
      "spark.dynamicAllocation.enabled" -> "true",
      "spark.dynamicAllocation.shuffleTracking.enabled" -> "true",
      "spark.executor.cores" -> "1"
    )
    TestSpark.usingCluster(dynamic: _*) { sc =>
      val refused = intercept[FiresteelException](Runs.train(sc, short))
      assert(refused.kind == Kind.CONFIG && refused.getMessage.contains("spark.dynamicAllocation.minExecutors"))
      val events = new Events
      Runs.train(sc, Runs.stage.copy(iterations = Some(5)), events)
      assert(events.of[ExchangeDone].map(_.worker).toSet == Set(0, 1))
    }
  }

  test("a stage with too few slots names the slots of tasks that take more than a core each") {
    TestSpark.using("local[2]", "spark.task.cpus" -> "2") { sc =>
      val e = intercept[FiresteelException](Runs.train(sc, Runs.stage))
      assert(
        e.getMessage == "2 workers run at once, but local[2] has 1 task slot (spark.task.cpus is 2): " +
          "set workers to at most 1, or use --master local[4]"
      )
    }
  }
}
