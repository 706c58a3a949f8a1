// A fit that was interrupted is gone on with by the next one of the same settings, rows and directory, and by no other.
package io.firesteel.ml

import io.firesteel._
import io.firesteel.files.Directories.names
import io.firesteel.files.Holder
import io.firesteel.jni.Kind
import io.firesteel.train.{Events, Runs}
import java.nio.file.{Files, Path}
import java.util.concurrent.{ConcurrentLinkedQueue, CountDownLatch, Executors}
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator
import org.apache.spark.ml.linalg.Vectors
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.ml.tuning.{CrossValidator, CrossValidatorModel, ParamGridBuilder}
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.functions.{col, lit, udf, when}
import scala.jdk.CollectionConverters._

class FitCheckpointTest extends SparkSuite {
  private def bits(model: CnnClassificationModel) = Runs.bits(model.content.trained.weights)

  /** Six rounds; evaluated, and saved, after 2, 4 and 6. */
  private def six: CnnClassifier = small.setIterations(30).setEvalEvery(2)

  private lazy val whole = six.fit(cifar())

  private final class Interrupted extends RuntimeException

  /** Throws when round `last` has ended. */
  private final class Breaking(last: Int) extends TrainListener {
    override def round(e: RoundDone): Unit = if (e.round == last) throw new Interrupted
  }

  private def interrupt(classifier: CnnClassifier, rows: DataFrame = cifar()): Unit =
    intercept[Interrupted](classifier.copy(ParamMap.empty).setListener(new Breaking(3)).fit(rows))

  /** The places of fits in `directory` that have a checkpoint. */
  private def kept(directory: Path): Set[String] =
    names(directory).filter(place => Files.exists(directory.resolve(place).resolve("checkpoint.safetensors")))

  test("a fit that a listener broke off goes on with the bits of a whole one, in rounds and in one stage") {
    for (consistency <- Seq("rounds", "bsp")) TestSpark.directory { directory =>
      val classifier = six.setConsistency(consistency).setCheckpointDir(directory.toString)
      interrupt(classifier)
      assert(kept(directory) == names(directory) && kept(directory).size == 1)
      val model = classifier.fit(cifar())
      assert(bits(model) == bits(whole), consistency)
      assert(model.summary.completedRounds == 2 && model.summary.objectiveHistory.length == 4)
      assert(model.config == whole.config.copy(consistency = Some(consistency)))
      assert(names(directory).isEmpty, "a fit that has ended leaves nothing")
      assert(classifier.fit(cifar()).summary.completedRounds == 0)
    }
  }

  test("a fit that a listener's stops ended has a model, and can still go on") {
    TestSpark.directory { directory =>
      val classifier = six.setConsistency("rounds").setCheckpointDir(s"file:$directory/with a space")
      val stopping = new TrainListener {
        @volatile private var rounds = 0
        override def round(e: RoundDone): Unit = rounds = e.round
        override def stops: Boolean = rounds >= 3
      }
      val early = classifier.copy(ParamMap.empty).setListener(stopping).fit(cifar())
      assert(early.summary.endReason == "stopped" && early.summary.totalIterations < 6)
      assert(kept(directory.resolve("with a space")).size == 1)
      val model = classifier.fit(cifar())
      assert(model.summary.completedRounds > 0 && bits(model) == bits(whole))
      assert(names(directory.resolve("with a space")).isEmpty)
    }
  }

  test("an interrupted thread leaves a checkpoint that it can go on from itself") {
    TestSpark.directory { directory =>
      val classifier = six.setCheckpointDir(directory.toString)
      val interrupting = new TrainListener {
        override def round(e: RoundDone): Unit = if (e.round == 3) Thread.currentThread.interrupt()
      }
      val e = intercept[FiresteelException](
        classifier.copy(ParamMap.empty).setConsistency("rounds").setListener(interrupting).fit(cifar())
      )
      assert(e.kind == Kind.CANCELLED && Thread.interrupted())
      val model = classifier.setConsistency("rounds").fit(cifar())
      assert(model.summary.completedRounds == 2 && bits(model) == bits(whole))
    }
  }

  test("a fit that failed when all was done gives its model at once") {
    TestSpark.directory { directory =>
      val classifier = six.setCheckpointDir(directory.toString)
      val failing = new TrainListener { override def ended(e: Ended): Unit = throw new Interrupted }
      intercept[Interrupted](classifier.copy(ParamMap.empty).setListener(failing).fit(cifar()))
      val model = classifier.fit(cifar())
      assert(bits(model) == bits(whole) && model.summary.objectiveHistory.isEmpty && names(directory).isEmpty)
    }
  }

  private def checkpoint(directory: Path, place: String): Array[Byte] =
    Files.readAllBytes(directory.resolve(place).resolve("checkpoint.safetensors"))

  test("a fit of other settings has another place, and goes on from no checkpoint that was put there") {
    TestSpark.directory { directory =>
      val one = six.setCheckpointDir(directory.toString)
      val other = one.copy(ParamMap.empty).setSeed(4L)
      interrupt(one)
      val first = kept(directory).head
      val bytes = checkpoint(directory, first)
      interrupt(other)
      val second = (kept(directory) - first).head
      assert(checkpoint(directory, first).sameElements(bytes))
      val file = Files.write(directory.resolve(second).resolve("checkpoint.safetensors"), bytes)
      val e = intercept[FiresteelException](other.fit(cifar()))
      assert(e.kind == Kind.CONFIG && e.getMessage == s"$file is of another configuration: seed was 3, is 4")
      assert(Files.readAllBytes(file).sameElements(bytes))
      assert(one.fit(cifar()).summary.completedRounds == 2)
    }
  }

  private def named(classifier: CnnClassifier, rows: DataFrame): String = {
    val images = LabelledImages.of(rows, classifier, classifier.getLabelCol, drop = true, hashed = true)
    FitCheckpoint.name(TrainConfig.fromJson(classifier.asked.toString), images, classifier.rawShape)
  }

  test("the name of a fit tells its settings, its rows and how they are read, from anywhere and in any order") {
    val name = named(six, cifar())
    val same = Seq(
      six.setTau(5).setCodec("f32") -> cifar(), // which is what they are
      six.setEvalEvery(1).setPatience(9).setBind("127.0.0.1:0") -> cifar(),
      six -> cifar().orderBy(col("row").desc).repartition(3),
      six -> cifar().withColumn("image", col("image").withField("origin", lit("elsewhere"))),
      six -> cifar().withColumn("label", col("label").cast("double"))
    )
    for (((classifier, rows), at) <- same.zipWithIndex) assert(named(classifier, rows) == name, at)
    val alike = cifar().filter("label = 1").select("row").limit(2).collect().map(_.getLong(0))
    val vector = udf((image: Row) => Vectors.dense(image.getAs[Array[Byte]]("data").map(_ & 0xff).map(_.toDouble)))
    val shaped = six.setImageShape(Array(32, 32, 3))
    val changed = when(col("row") === alike.head, 0).otherwise(1)
    val others = Seq(
      six.setTau(6) -> cifar(),
      six.setEpochs(1.5) -> cifar(),
      shaped -> cifar(),
      shaped -> cifar().withColumn("image", col("image.data")),
      shaped -> cifar().withColumn("image", vector(col("image"))),
      shaped.copy(ParamMap.empty).setImageLayout("chw") -> cifar().withColumn("image", vector(col("image"))),
      six -> cifar().filter(col("row") =!= alike(0)), // of these two only the image differs
      six -> cifar().filter(col("row") =!= alike(1)),
      six -> cifar().withColumn("label", when(col("row") === alike.head, 2).otherwise(col("label"))),
      six.setWeightCol("changed") -> cifar().withColumn("changed", changed),
      six.setValidationIndicatorCol("changed") -> cifar().withColumn("changed", changed === 0)
    )
    val names = others.map { case (classifier, rows) => named(classifier, rows) }
    assert((name +: names).distinct.length == others.length + 1)
  }

  test("a cross-validation with two fits at once goes on with the fit that was interrupted, and mixes no two") {
    TestSpark.directory { directory =>
      def search(classifier: CnnClassifier): CrossValidatorModel = new CrossValidator()
        .setEstimator(classifier)
        .setEvaluator(new MulticlassClassificationEvaluator().setMetricName("accuracy"))
        .setEstimatorParamMaps(new ParamGridBuilder().addGrid(classifier.lr, Array(1e-3, 1e-2)).build())
        .setNumFolds(2)
        .setSeed(1L)
        .setParallelism(2)
        .fit(cifar())
      def best(of: CrossValidatorModel) = of.bestModel.asInstanceOf[CnnClassificationModel]
      val expected = search(six)
      val saving = six.setCheckpointDir(directory.toString)
      for (lr <- Seq(1e-3, 1e-2))
        interrupt(saving.copy(ParamMap.empty).setLr(lr)) // on all rows, as the last fit of a search
      val (starts, places) = (new ConcurrentLinkedQueue[Int], new ConcurrentLinkedQueue[String])
      val watching = new TrainListener {
        override def started(e: Started): Unit = starts.add(e.completedRounds)
        override def round(e: RoundDone): Unit = places.addAll(kept(directory).asJava)
      }
      val found = search(saving.setListener(watching))
      assert(found.avgMetrics.toSeq == expected.avgMetrics.toSeq && bits(best(found)) == bits(best(expected)))
      assert(starts.asScala.toSeq == Seq(0, 0, 0, 0, 2), "two folds with two rates, and the best rate on all rows")
      assert(
        places.asScala.toSet.size == 2 + 4 && kept(directory).size == 1,
        "the fit of the other rate was not asked for"
      )
    }
  }

  test("two fits at once that differ in nothing that decides the weights have a place each") {
    TestSpark.directory { directory =>
      val both = new CountDownLatch(2)
      val seen = new ConcurrentLinkedQueue[Set[String]]
      val meeting = new TrainListener {
        override def round(e: RoundDone): Unit = if (e.round == 5) {
          both.countDown()
          both.await()
          seen.add(kept(directory))
        }
      }
      val classifier = six.setConsistency("rounds").setCheckpointDir(directory.toString).setListener(meeting)
      val pool = Executors.newFixedThreadPool(2)
      val fits = Seq(2, 4).map { every =>
        pool.submit(() => classifier.copy(ParamMap.empty).setEvalEvery(every).fit(cifar()))
      }
      val models = fits.map(_.get)
      pool.shutdown()
      assert(models.forall(bits(_) == bits(whole)) && names(directory).isEmpty)
      val places = seen.asScala.toSeq.distinct
      assert(places.length == 1 && places.head.size == 2 && places.head.exists(_.endsWith("-2")))
    }
  }

  test("a place that a run of another process holds is refused with who that is") {
    TestSpark.directory { directory =>
      val classifier = six.setCheckpointDir(directory.toString)
      interrupt(classifier)
      val place = directory.resolve(kept(directory).head)
      val other = Holder.self().copy(id = "other", host = "node7", machine = "another boot", pid = 42)
      Files.write(place.resolve(".firesteel.claim.1"), other.json)
      val e = intercept[FiresteelException](classifier.fit(cifar()))
      assert(e.kind == Kind.CONFIG && e.getMessage.endsWith(": wait for its end or set another checkpointDir"))
      assert(e.getMessage.startsWith(s"checkpoint directory $place is held by the run of process 42 on node7"), e)
      Files.delete(place.resolve(".firesteel.claim.1"))
      assert(classifier.fit(cifar()).summary.completedRounds == 2, "a refused fit holds no place")
    }
  }

  test("a directory that cannot be written is one message with its path, before any training") {
    TestSpark.directory { directory =>
      val file = Files.writeString(directory.resolve("file"), "x")
      val events = new Events
      def refused(parent: Path) = {
        val fit = six.setCheckpointDir(parent.toString).setListener(events)
        Failure.line(intercept[FiresteelException](fit.fit(cifar())))
      }
      val place = "fit-[0-9a-f]{32}"
      val said = "cannot be made or written"
      assert(
        refused(file).matches(
          s"checkpoint directory \\Q$file\\E/$place $said: \\Q$file\\E is a file: set another checkpointDir"
        )
      )
      val nowhere = Path.of("/proc/self/firesteel") // where nobody can make a directory, root neither
      assert(refused(nowhere).matches(s"checkpoint directory $nowhere/$place $said: .+"))
      assert(events.all.isEmpty && names(directory) == Set("file"))
      assertThrows[IllegalArgumentException](six.setCheckpointDir(""))
    }
  }

  test("another cluster goes on with the number of workers that the fit began with") {
    TestSpark.directory { directory =>
      val expected = bits(whole)
      val classifier = six.setConsistency("rounds").setCheckpointDir(directory.toString)
      classifier.clear(classifier.workers) // as many as there are slots, two
      interrupt(classifier)
      spark.stop()
      val other = TestSpark.context("local[3]")
      try {
        val session = SparkSession.builder().getOrCreate()
        val rows = session.read.format("cifar").load(TestSpark.fixture("cifar10-tiny"))
        val model = classifier.fit(rows)
        assert(model.config.workers.contains(2) && model.summary.completedRounds == 2 && bits(model) == expected)
      } finally other.stop()
    }
  }
}
