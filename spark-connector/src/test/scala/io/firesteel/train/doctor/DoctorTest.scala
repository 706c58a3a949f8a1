// Examinations of local Spark and of executors in processes of their own, some of which cannot train.
package io.firesteel.train.doctor

import io.firesteel.jni.Kind
import io.firesteel.{FiresteelException, TestSpark, TrainConfig}
import org.scalatest.funsuite.AnyFunSuite

class DoctorTest extends AnyFunSuite {
  private def problems(found: Diagnosis) = found.findings.filter(_.level == Level.Problem)

  test("local Spark has what a run needs, and is measured") {
    TestSpark.using("local[2]") { sc =>
      val found = Doctor.examine(sc, TrainConfig(net = "resnet20", batch = Some(20)))
      assert(found.ok, found.text)
      assert(found.measures.map(_.place) == Seq("driver"))
      assert(found.measures.head.values.map(_._1) == Seq("images_per_second", "decoded_per_second"))
      assert(found.measures.head.values.forall(_._2 > 0))
      assert(found.findings.exists(f => f.subject == "task slots" && f.value == "2"))
      assert(found.findings.exists(f => f.subject == "memory" && f.value.startsWith("resnet20, batch 20")))
      assert(found.findings.exists(f => f.subject == "libtorch" && f.value.startsWith("2.11.0 in /")))
    }
  }

  test("more threads than cores and a minibatch beyond the memory are told with what to do, and a part of it measured") {
    TestSpark.using("local[2]") { sc =>
      val found = Doctor.examine(sc, TrainConfig(net = "vgg16", workers = Some(1), threads = 1000, batch = Some(50000)))
      def of(subject: String) = found.findings.find(_.subject == subject).get
      assert(of("threads").level == Level.Note || Runtime.getRuntime.availableProcessors == 1)
      assert(of("memory").level == Level.Problem && of("memory").value.contains("lower batch"))
      val measured = "minibatches of (\\d+)".r.findFirstMatchIn(of("training").value).get.group(1).toInt
      assert(measured >= 16 && measured <= 512)
    }
  }

  test("settings that cannot be are refused, and more workers than task slots are told") {
    TestSpark.using("local[1]") { sc =>
      val few = Doctor.examine(sc, TrainConfig(workers = Some(3))).findings.find(_.subject == "task slots").get
      assert(few.level == Level.Note && few.remedy.contains("--workers 1"))
      val e = intercept[FiresteelException](Doctor.examine(sc, TrainConfig(net = "lenet")))
      assert(e.kind == Kind.CONFIG && e.getMessage.contains("lenet"))
    }
  }

  test("every executor of a cluster is examined, and reaches the driver") {
    TestSpark.usingCluster { sc =>
      val found = Doctor.examine(sc, TrainConfig())
      assert(found.ok, found.text)
      assert(
        found.findings.filter(_.subject == "exchanger").map(_.place.take(10)).sorted == Seq("executor 0", "executor 1")
      )
      val measured = found.measures.flatMap(_.values.map(_._1)).groupMapReduce(identity)(_ => 1)(_ + _)
      assert(
        measured == Seq("images_per_second", "decoded_per_second", "round_trip_ms", "clock_ms", "megabytes_per_second")
          .map(_ -> 2)
          .toMap
      )
    }
  }

  test("executors without libtorch, an address that nobody reaches and speculation are problems") {
    TestSpark.usingCluster("spark.executorEnv.FIRESTEEL_LIBTORCH" -> "/nowhere", "spark.speculation" -> "true") { sc =>
      // the loopback has many addresses, and the driver listens on one
      val found = Doctor.examine(sc, TrainConfig(bind = Some("127.0.0.1:0"), advertise = Some("127.0.0.2")))
      val subjects = problems(found).groupBy(_.subject)
      assert(subjects.keySet == Set("libtorch", "exchanger", "Spark's settings"), found.text)
      assert(subjects("libtorch").size == 2 && subjects("libtorch").forall(_.remedy.contains("FIRESTEEL_LIBTORCH")))
      assert(subjects("libtorch").forall(_.value.contains("looked in /nowhere")))
      assert(subjects("exchanger").forall(f => f.value.contains("127.0.0.2") && f.remedy.contains("--advertise")))
      assert(found.measures.isEmpty)
    }
  }
}
