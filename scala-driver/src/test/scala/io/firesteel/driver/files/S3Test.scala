// The whole program on S3: Hadoop's own client against a server on loopback (testdata/s3-server.py), in which requests
// fail now and then. Needs the Python of scripts/setup-python s3.
package io.firesteel.driver.files

import com.fasterxml.jackson.databind.ObjectMapper
import io.firesteel.Failure
import io.firesteel.driver.Fixtures._
import io.firesteel.driver.Main
import io.firesteel.console.Terminal
import io.firesteel.driver.console.Console
import io.firesteel.files.{Directory, ObjectStorage, Storage}
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.io.{OutputStream, PrintStream}
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest.{newBuilder, BodyPublishers}
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import scala.jdk.CollectionConverters._
import scala.util.Using

class S3Test extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val server: Process = {
    val home = sys.env.getOrElse(
      "FIRESTEEL_S3",
      throw new IllegalStateException(
        "FIRESTEEL_S3 is not set: run scripts/setup-python s3 and set it to what that tells"
      )
    )
    val script = tiny.getParent.resolve("s3-server.py").toString
    new ProcessBuilder(s"$home/bin/python", script).redirectError(ProcessBuilder.Redirect.INHERIT).start()
  }
  private lazy val port: Int = server.inputReader.readLine().toInt

  override def beforeAll(): Unit = ask("PUT", "bucket")

  override def afterAll(): Unit = {
    server.destroy()
    server.waitFor(1, TimeUnit.MINUTES)
  }

  private def ask(method: String, path: String): String = {
    val request =
      newBuilder(URI.create(s"http://127.0.0.1:$port/$path")).method(method, BodyPublishers.noBody()).build()
    HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body
  }

  /** Makes every `n`th request fail while `body` runs; how many did. */
  private def failing[A](n: Int)(body: => A): (A, Int) = {
    val before = ask("GET", s"_faults/$n").toInt
    val result = body
    (result, ask("GET", "_faults/0").toInt - before)
  }

  private lazy val settings: Seq[(String, String)] = Seq(
    "fs.s3a.endpoint" -> s"http://127.0.0.1:$port",
    "fs.s3a.endpoint.region" -> "us-east-1",
    "fs.s3a.path.style.access" -> "true",
    "fs.s3a.access.key" -> "test",
    "fs.s3a.secret.key" -> "test",
    "fs.s3a.retry.interval" -> "20ms", // tried again as often as ever, only sooner
    "fs.s3a.retry.throttle.interval" -> "20ms"
  )
  private lazy val conf: Configuration = {
    val made = new Configuration()
    settings.foreach { case (key, value) => made.set(key, value) }
    made
  }
  private lazy val spark: Seq[(String, String)] = local ++ settings.map { case (key, value) =>
    s"spark.hadoop.$key" -> value
  }
  private lazy val fs: FileSystem = FileSystem.get(URI.create("s3a://bucket"), conf)

  private lazy val data: String = {
    for (file <- Using.resource(Files.list(tiny))(_.iterator.asScala.toSeq))
      Using.resource(fs.create(new Path(s"/data/${file.getFileName}")))(Files.copy(file, _))
    "s3a://bucket/data"
  }

  private def arguments(out: String, more: String*): Seq[String] =
    Seq("train", "--data", data, "--out", s"s3a://bucket/$out", "--workers", "2", "--tau", "2", "--batch", "20") ++
      Seq("--iterations", "8", "--eval-every", "2", "--solver-state", "average") ++ more

  private def left(out: String): Set[String] = fs.listStatus(new Path(s"/$out")).map(_.getPath.getName).toSet

  private def told(out: String): Seq[String] =
    Using
      .resource(fs.open(new Path(s"/$out/metrics.jsonl")))(in => new String(in.readAllBytes()))
      .linesIterator
      .map(line => new ObjectMapper().readTree(line).get("event").asText)
      .toSeq

  private def weights(out: String): Seq[Byte] =
    Using.resource(fs.open(new Path(s"/$out/model.safetensors"))) { in =>
      val length = java.lang.Long.reverseBytes(in.readLong())
      in.skipNBytes(length)
      in.readAllBytes().toSeq
    }

  test("a run on S3, of whose requests every fifth fails, leaves its five files, which evaluate reads") {
    val _ = data
    withSettings(spark: _*) {
      val ((status, _, err), failed) = failing(5)(submit(arguments("whole"): _*))
      assert(status == 0, err)
      assert(failed > 5)
      assert(left("whole") == complete)
      assert(told("whole") == Seq("start", "workers", "round", "round", "eval", "round", "round", "eval", "end"))
      val (evaluated, json, failure) = submit("evaluate", "--data", data, "--model", "s3a://bucket/whole", "--json")
      assert(evaluated == 0 && json.contains("\"rows\":100"), failure)
      val (again, _, refused) = submit(arguments("whole"): _*)
      assert(again == 2 && refused.contains("already holds a run"), refused)
    }
  }

  test("a run that was cut short is resumed from S3 with all its lines, and ends with the same bits") {
    withSettings(spark: _*) {
      if (!fs.exists(new Path("/whole"))) assert(submit(arguments("whole"): _*)._1 == 0)
      val cut = new Watching("round 4/4")(() => throw new IllegalStateException("cut"))
      val console = Console(cut, new PrintStream(OutputStream.nullOutputStream()), Terminal.None)
      assert(Main.run(arguments("cut"), console) == 1)
      assert(left("cut") == complete - "model.safetensors" - "preprocessing.safetensors")
      val (status, _, err) = submit("train", "--out", "s3a://bucket/cut", "--resume")
      assert(status == 0, err)
      assert(
        told("cut") == Seq(
          "start",
          "workers",
          "round",
          "round",
          "eval",
          "start",
          "workers",
          "round",
          "round",
          "eval",
          "end"
        )
      )
      assert(weights("cut") == weights("whole"))
    }
  }

  test("a fit of the estimator that was interrupted goes on from S3") {
    assert(fitTwice(spark, "s3a://bucket/fits") == 2)
    assert(!fs.exists(new Path("/fits")) || left("fits").isEmpty)
  }

  test("of many runs that begin at once one holds the directory") {
    assert(Storage.at("s3a://bucket/together", conf).atomic)
    for (repetition <- 1 to 5) {
      val out = s"s3a://bucket/together/$repetition"
      val (refused, held) = claimTogether(8)(OutputDir.claim(out, conf, resume = false))
      assert(held.size == 1 && refused.forall(_.kind == Kind.CONFIG), refused.map(Failure.line))
      assert(refused.forall(_.getMessage.contains(s"output directory $out is held by ")), refused)
      held.foreach(_.close())
    }
  }

  test("an object whose writing fails half way is not put in place of the old one") {
    val dir = Directory.existing("s3a://bucket/half", conf)
    dir.write("config.json", "old".getBytes)
    val e = intercept[IllegalStateException](dir.write("config.json") { out =>
      out.write(new Array[Byte](1 << 20))
      throw new IllegalStateException("enough")
    })
    assert(e.getMessage == "enough")
    assert(dir.read("config.json").map(new String(_)).contains("old") && left("half") == Set("config.json"))
  }

  test("lines are in the object at every milestone and at the first line ten seconds after") {
    var now = 0L
    val storage = new ObjectStorage(fs, new Path("/lines"), () => now)
    def there = storage.open("metrics.jsonl").map(Using.resource(_)(file => new String(file.in.readAllBytes())))
    val lines = storage.lines("metrics.jsonl", () => ())
    lines.write("a\n".getBytes)
    assert(there.isEmpty)
    lines.flush()
    lines.write("b\n".getBytes)
    assert(there.contains("a\n"))
    now = TimeUnit.SECONDS.toNanos(10)
    lines.write("c\n".getBytes)
    assert(there.contains("a\nb\nc\n"))
    lines.write("d\n".getBytes)
    lines.close()
    val more = storage.lines("metrics.jsonl", () => ())
    more.write("e\n".getBytes)
    more.close()
    assert(there.contains("a\nb\nc\nd\ne\n"))
    val refused = storage.lines("metrics.jsonl", () => throw new IllegalStateException("taken over"))
    refused.write("f\n".getBytes)
    intercept[IllegalStateException](refused.flush())
    assert(there.contains("a\nb\nc\nd\ne\n"))
  }
}
