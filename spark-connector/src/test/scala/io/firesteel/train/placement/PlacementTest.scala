// Assigning workers to executors: which stay, which move, and which slots another run of the application has reserved.
package io.firesteel.train.placement

import io.firesteel.{Ended, ExchangeDone, Fault, TestSpark}
import io.firesteel.train.{Events, Runs}
import io.firesteel.train.stage.StageThread
import org.apache.spark.firesteel.{ExecutorSlots, TaskSlots}
import java.util.concurrent.CountDownLatch
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.{Await, Future}

class PlacementTest extends AnyFunSuite with Eventually {
  private def slots(tasks: (String, Int)*): Seq[ExecutorSlots] =
    tasks.map { case (id, count) => ExecutorSlots(id, "host", count, running = 0) }

  private def assign(assigned: Map[Int, String], workers: Int, tasks: (String, Int)*): Map[Int, String] =
    Placement.assign(assigned, workers, slots(tasks: _*))

  test("new workers are spread in proportion to the slots of executors") {
    assert(assign(Map.empty, 2, "0" -> 1, "1" -> 1) == Map(0 -> "0", 1 -> "1"))
    assert(assign(Map.empty, 4, "0" -> 4, "1" -> 4).groupMapReduce(_._2)(_ => 1)(_ + _) == Map("0" -> 2, "1" -> 2))
    assert(assign(Map.empty, 6, "0" -> 1, "1" -> 2).groupMapReduce(_._2)(_ => 1)(_ + _) == Map("0" -> 2, "1" -> 4))
    assert(assign(Map.empty, 3) == Map.empty, "nobody is there yet")
  }

  test("an executor whose slots are busy comes last") {
    val busy =
      Seq(ExecutorSlots("0", "host", tasks = 1, running = 1), ExecutorSlots("1", "host", tasks = 1, running = 0))
    assert(Placement.assign(Map.empty, 1, busy) == Map(0 -> "1"))
  }

  test("workers stay while their executor has slots for them, and only surplus ones move") {
    val assigned = Map(0 -> "0", 1 -> "0", 2 -> "1")
    assert(assign(assigned, 3, "0" -> 2, "1" -> 2) == assigned)
    assert(assign(assigned, 3, "0" -> 1, "1" -> 1) == assigned, "two waves are needed anyway")
    assert(assign(assigned, 3, "0" -> 1, "1" -> 1, "2" -> 1) == assigned.updated(1, "2"))
  }

  test("the workers of a lost executor go to a remaining one, and to the replacement once it is there") {
    val assigned = assign(Map(0 -> "0", 1 -> "1"), 2, "1" -> 1)
    assert(assigned == Map(0 -> "1", 1 -> "1"))
    assert(assign(assigned, 2, "1" -> 1, "2" -> 1) == Map(0 -> "1", 1 -> "2"))
    assert(assign(assigned, 2) == assigned, "there is no executor to move to")
  }

  test("a worker is not assigned to an executor where it failed, unless there is no other") {
    val failed = Set(0 -> "0")
    assert(Placement.assign(Map(0 -> "0"), 1, slots("0" -> 1, "1" -> 1), failed) == Map(0 -> "1"))
    assert(Placement.assign(Map(0 -> "0"), 1, slots("0" -> 1), failed) == Map(0 -> "0"))
  }

  test("checking the slots while they are reserved does not deadlock") {
    TestSpark.using("local[2]") { sc =>
      val placement = new Placement(sc, "run", 2, (_, _) => ())
      val looking = Future((1 to 20000).count(_ => placement.isUneven))
      val taking = Future((1 to 20000).count { _ =>
        placement.hold(Placement.AllSlots)
        placement.release()
        placement.update()
        true
      })
      assert(Await.result(taking, 1.minute) == 20000)
      Await.result(looking, 1.minute)
    }
  }

  test("a stage whose workers wait for each other begins when other runs leave slots for all of them") {
    TestSpark.using("local[3]") { sc =>
      val other = new Placement(sc, "other", 2, (_, _) => ())
      assert(other.hold(Placement.FreeSlots) && TaskSlots.executors(sc).map(_.tasks) == Seq(3))
      val waits = new CountDownLatch(1)
      val events = new Events {
        override def fault(e: Fault): Unit = {
          super.fault(e)
          waits.countDown()
        }
      }
      val config = Runs.small.copy(workers = Some(2), consistency = Some("bsp"))
      val second = new StageThread(Runs.train(sc, config, events), () => sc.cancelAllJobs())
      waits.await()
      assert(
        events.of[Fault].map(_.what) == Seq("task slots are in use by other jobs: 1 are free") && events
          .of[ExchangeDone]
          .isEmpty
      )
      other.release()
      eventually(timeout(1.minute))(assert(second.endsWithin(1000).nonEmpty))
      assert(events.of[Ended].head.samples == 2 * 12 * 20)
      assert(other.hold(Placement.FreeSlots), "an ended run holds nothing")
    }
  }
}
