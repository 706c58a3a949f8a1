// What holds for every stage of Spark ML in this package; the stages are found among the compiled classes.
package io.firesteel.ml

import io.firesteel.{FiresteelException, Json, TestSpark}
import io.firesteel.jni.Kind
import io.firesteel.train.Runs
import java.lang.reflect.Modifier
import java.nio.file.{Files, Path}
import org.apache.spark.ml.linalg.{Vector, Vectors}
import org.apache.spark.ml.param._
import org.apache.spark.ml.util.{MLReader, MLWritable}
import org.apache.spark.ml.{Estimator, PipelineStage, Transformer}
import org.apache.spark.sql.types.StructType
import scala.jdk.CollectionConverters._
import scala.util.Using

class StagesTest extends SparkSuite {

  /** The classes of the package that are stages. */
  private val stages: Seq[Class[_]] = {
    val classes = TestSpark.root.resolve("spark-connector/target/classes")
    val files = Using.resource(Files.walk(classes.resolve("io/firesteel/ml")))(_.iterator.asScala.map(_.toString).toSeq)
    val names = files.filter(_.endsWith(".class")).map(file => classes.relativize(Path.of(file)).toString)
    names
      .map(name => Class.forName(name.stripSuffix(".class").replace('/', '.')))
      .filter(c => classOf[PipelineStage].isAssignableFrom(c) && !Modifier.isAbstract(c.getModifiers))
  }

  private lazy val fitted = small.fit(cifar())

  private def made(stage: Class[_]): PipelineStage =
    if (stage == classOf[CnnClassificationModel]) fitted.copy(ParamMap.empty)
    else stage.getConstructor().newInstance().asInstanceOf[PipelineStage]

  /** A value that a Param takes and that is not its default. */
  private def another(stage: PipelineStage, param: Param[_]): Option[Any] = {
    val candidates: Seq[Any] = param match {
      case _: IntParam         => Seq(2, 3)
      case _: LongParam        => Seq(2L)
      case _: DoubleParam      => Seq(0.75, 0.25)
      case _: BooleanParam     => Seq(true, false)
      case _: IntArrayParam    => Seq(Array(4, 4, 3))
      case _: DoubleArrayParam => Seq(Array(0.5, 0.5))
      case _                   => Seq("other", "chw", "drop") ++ TableParams.rows.flatMap(_.names)
    }
    val anything = param.asInstanceOf[Param[Any]]
    val now = stage.get(anything).orElse[Any](stage.getDefault(anything))
    candidates.find(value => anything.isValid(value) && !now.contains(value))
  }

  test("the stages are found") {
    val transformers = Set(classOf[FitEvents], classOf[ClusterDoctor], classOf[MatrixComparison])
    assert(stages.toSet == Set(classOf[CnnClassifier], classOf[CnnClassificationModel]) ++ transformers)
  }

  test("every stage is registered for Spark Connect, estimators and others") {
    def registered(kind: String) =
      Files
        .readAllLines(TestSpark.root.resolve(s"spark-connector/src/main/resources/META-INF/services/$kind"))
        .asScala
        .toSet
    val (estimators, others) = stages.partition(classOf[Estimator[_]].isAssignableFrom(_))
    assert(registered("org.apache.spark.ml.Estimator") == estimators.map(_.getName).toSet)
    assert(registered("org.apache.spark.ml.Transformer") == others.map(_.getName).toSet)
  }

  test("every stage has the constructors that Spark needs, a documented Param for each name, and a copy of its own") {
    for (stage <- stages) {
      stage.getConstructor()
      assert(stage.getConstructor(classOf[String]).newInstance("name").asInstanceOf[PipelineStage].uid == "name")
      val one = made(stage)
      for (param <- one.params) {
        assert(param.doc.length > 10 && !param.doc.contains("--"), s"${stage.getName}.${param.name}: ${param.doc}")
        assert(one.getParam(param.name) == param && param.parent == one.uid)
      }
      val (value, text) = ("elsewhere", Seq("featuresCol", "fit", "settings", "out").find(one.hasParam).get)
      val copied = one.copy(new ParamMap().put(one.getParam(text).asInstanceOf[Param[String]], value))
      assert(copied.getOrDefault(copied.getParam(text)) == value && copied.uid == one.uid)
      assert(!one.get(one.getParam(text)).contains(value))
      assert(one.explainParams().linesIterator.length >= one.params.length)
    }
  }

  test("every Param of every stage survives saving and loading") {
    TestSpark.directory { directory =>
      for ((stage, at) <- stages.zipWithIndex) {
        val one = made(stage)
        for (param <- one.params; value <- another(one, param))
          one.set(param.asInstanceOf[Param[Any]], value)
        val path = directory.resolve(s"stage$at").toString
        one.asInstanceOf[MLWritable].save(path)
        val reader = Class.forName(stage.getName).getMethod("read").invoke(null).asInstanceOf[MLReader[PipelineStage]]
        val loaded = reader.load(path)
        assert(loaded.uid == one.uid)
        def shown(of: PipelineStage) = of.params.toSeq.map { param =>
          param.name -> of.get(param).map { case values: Array[_] => values.toSeq; case value => value }
        }
        assert(shown(loaded) == shown(one))
        assert(shown(one).forall(_._2.nonEmpty), shown(one))
      }
    }
  }

  test("the schema that a stage announces is the one that it makes") {
    for (stage <- stages) {
      val one = made(stage)
      for ((name, value) <- Seq("featuresCol" -> "image", "fit" -> "none", "stop" -> true) if one.hasParam(name))
        one.set(one.getParam(name), value)
      val announced = one.transformSchema(cifar().schema)
      val model = one match {
        case _: Estimator[_] => fitted
        case other           => other.asInstanceOf[Transformer]
      }
      def types(of: StructType) = of.map(field => field.name -> field.dataType)
      assert(types(announced) == types(model.transform(cifar()).schema), stage)
    }
  }

  test("a loaded model has the same outputs, and its files are those of the command line") {
    TestSpark.directory { directory =>
      val path = directory.resolve("model").toString
      fitted.save(path)
      intercept[java.io.IOException](fitted.save(path))
      fitted.write.overwrite().save(path)
      val loaded = CnnClassificationModel.load(path)
      assert(Runs.bits(loaded.content.trained.weights) == Runs.bits(fitted.content.trained.weights))
      assert(!loaded.hasSummary && loaded.config == fitted.config)
      def outputs(model: CnnClassificationModel): Seq[Vector] =
        model.transform(cifar("test")).select("rawPrediction").collect().map(_.getAs[Vector](0)).toSeq
      for ((one, other) <- outputs(loaded).zip(outputs(fitted))) assert(Vectors.sqdist(one, other) < 1e-10)
      val expected = Seq("model.json", "model.safetensors", "preprocessing.safetensors")
      val names =
        Using.resource(Files.list(Path.of(path, "data")))(_.iterator.asScala.map(_.getFileName.toString).toSeq)
      assert(names.filterNot(_.startsWith(".")).sorted == expected)
    }
  }

  test("a model of a later version, and one that lacks a file, are refused by name") {
    TestSpark.directory { directory =>
      val path = directory.resolve("model")
      fitted.save(path.toString)
      val json = path.resolve("data/model.json")
      val text = Files.readString(json)
      Files.delete(path.resolve("data/.model.json.crc"))
      Files.writeString(json, text.replace(""""format" : 1""", """"format" : 99"""))
      val later = intercept[FiresteelException](CnnClassificationModel.load(path.toString))
      assert(later.getMessage.contains("has format 99, which a later version of Firesteel wrote"), later)
      Files.writeString(json, text)
      Files.delete(path.resolve("data/model.safetensors"))
      val missing = intercept[FiresteelException](CnnClassificationModel.load(path.toString))
      assert(missing.kind == Kind.IO && missing.getMessage.contains("data/model.safetensors does not exist"), missing)
    }
  }

  test("models that earlier versions saved are loaded, with their outputs") {
    val saved = TestSpark.root.resolve("testdata/models")
    val images = cifar("test").limit(3)
    def outputs(model: CnnClassificationModel): Seq[Seq[Double]] =
      model.transform(images).select("rawPrediction").collect().map(_.getAs[Vector](0).toArray.toSeq).toSeq
    val own = saved.resolve("format-1")
    if (sys.env.contains("UPDATE_EXPECT") && !Files.exists(own)) {
      fitted.save(own.toString)
      Files.writeString(
        own.resolve("outputs.json"),
        Json.mapper.writeValueAsString(outputs(fitted).map(_.toArray).toArray)
      )
    }
    val versions = Using.resource(Files.list(saved))(_.iterator.asScala.toSeq)
    assert(versions.nonEmpty)
    for (version <- versions) {
      val expected = Json.mapper.readValue(version.resolve("outputs.json").toFile, classOf[Array[Array[Double]]])
      val now = outputs(CnnClassificationModel.load(version.toString))
      for ((one, other) <- now.flatten.zip(expected.toSeq.flatten)) assert(math.abs(one - other) < 1e-4, version)
      assert(now.length == 3 && expected.length == 3)
    }
  }
}
