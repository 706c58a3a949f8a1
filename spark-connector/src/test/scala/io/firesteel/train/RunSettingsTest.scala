// The settings that a run makes for itself in a context which has none.
package io.firesteel.train

import io.firesteel.{FiresteelException, RoundDone, TrainListener}
import io.firesteel.jni.Kind
import org.apache.spark.firesteel.LiveSettings
import org.apache.spark.{SparkConf, SparkContext}
import org.scalatest.funsuite.AnyFunSuite

class RunSettingsTest extends AnyFunSuite {
  private val Wait = "spark.locality.wait.process"

  private def bare[A](settings: (String, String)*)(body: SparkContext => A): A = {
    val conf = new SparkConf().setMaster("local[2]").setAppName("bare").set("spark.ui.enabled", "false")
    val sc = new SparkContext(conf.setAll(settings))
    try body(sc)
    finally sc.stop()
  }

  test("a run in a bare context has the settings, and leaves none behind") {
    bare("spark.driver.maxResultSize" -> "3g") { sc =>
      var during = Set.empty[Option[String]]
      val listener = new TrainListener {
        override def round(e: RoundDone): Unit =
          during += LiveSettings.get(sc, Wait)
      }
      Runs.train(sc, Runs.small.copy(workers = Some(2)), listener)
      assert(during == Set(Some("10m")))
      assert(LiveSettings.get(sc, Wait).isEmpty)
      assert(LiveSettings.get(sc, "spark.driver.maxResultSize").contains("3g"))
    }
  }

  test("of two runs at once the last one removes them, a failed one too") {
    bare() { sc =>
      RunSettings.within(sc) {
        intercept[IllegalStateException](RunSettings.within(sc)(throw new IllegalStateException))
        assert(LiveSettings.get(sc, Wait).contains("10m"))
      }
      assert(LiveSettings.get(sc, Wait).isEmpty)
    }
  }

  test("what the application has set stays as it is") {
    bare(Wait -> "7s") { sc =>
      RunSettings.within(sc)(assert(LiveSettings.get(sc, Wait).contains("7s")))
      assert(LiveSettings.get(sc, Wait).contains("7s"))
    }
  }

  test("speculation on a cluster is refused with the line to add") {
    io.firesteel.TestSpark.usingClusterOf("local-cluster[1,1,1024]")("spark.speculation" -> "true") { sc =>
      val e = intercept[FiresteelException](Runs.train(sc, Runs.small.copy(workers = Some(1))))
      assert(e.kind == Kind.CONFIG && e.getMessage.endsWith("start Spark with --conf spark.speculation=false"), e)
    }
  }
}
