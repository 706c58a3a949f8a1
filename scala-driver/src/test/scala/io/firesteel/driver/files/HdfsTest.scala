// The whole program on HDFS, a real one in this process, with what goes wrong there: a namenode that is away, a quota
// that is used up, a run that was killed with its files open.
package io.firesteel.driver.files

import com.fasterxml.jackson.databind.ObjectMapper
import io.firesteel.{Failure, FiresteelException}
import io.firesteel.driver.Fixtures._
import io.firesteel.driver.{Main, MetricsFile}
import io.firesteel.console.Terminal
import io.firesteel.driver.console.Console
import io.firesteel.driver.options.JsonSettings
import io.firesteel.files.{Directory, Holder, RunClaim, Storage}
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import org.apache.hadoop.hdfs.{DistributedFileSystem, HdfsConfiguration, MiniDFSCluster}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, OutputStream, PrintStream}
import java.nio.file.Files
import java.time.Instant
import java.util.concurrent.{Executors, TimeUnit}
import scala.util.Using

class HdfsTest extends AnyFunSuite with BeforeAndAfterAll {
  private val home = Files.createTempDirectory("firesteel-hdfs")
  private lazy val cluster: MiniDFSCluster = {
    val conf = new HdfsConfiguration()
    conf.set("dfs.blocksize", "1048576")
    conf.setInt("dfs.replication", 1)
    val made = new MiniDFSCluster.Builder(conf, home.toFile).numDataNodes(1).build()
    made.waitActive()
    made
  }
  private val spark = local :+ ("spark.hadoop.dfs.replication" -> "1") // there is one datanode
  private def fs: DistributedFileSystem = cluster.getFileSystem()
  private def uri(path: String): String = s"${cluster.getURI}$path"

  override def afterAll(): Unit = {
    cluster.shutdown(true) // and its directory
    ()
  }

  private lazy val data: String = {
    fs.copyFromLocalFile(new Path(tiny.toUri), new Path("/data"))
    uri("/data")
  }

  private def arguments(out: String, more: String*): Seq[String] =
    Seq("train", "--data", data, "--out", uri(out), "--workers", "2", "--tau", "2", "--batch", "20") ++
      Seq("--iterations", "8", "--eval-every", "2") ++ more

  private def left(out: String): Set[String] = fs.listStatus(new Path(out)).map(_.getPath.getName).toSet

  private def told(out: String): Seq[String] =
    Using
      .resource(fs.open(new Path(out, "metrics.jsonl")))(in => new String(in.readAllBytes()))
      .linesIterator
      .map(line => new ObjectMapper().readTree(line).get("event").asText)
      .filter(_ != "exchange") // which rounds have in one stage
      .toSeq

  private val events = Seq("start", "workers", "round", "round", "eval", "round", "round", "eval", "end")

  test("a run reads its data from HDFS and leaves its five files there, which evaluate reads") {
    withSettings(spark: _*) {
      val (status, _, err) = submit(arguments("/runs/1"): _*)
      assert(status == 0, err)
      assert(left("/runs/1") == complete && told("/runs/1") == events)
      val (evaluated, json, failure) = submit("evaluate", "--data", data, "--model", uri("/runs/1"), "--json")
      assert(evaluated == 0 && json.contains("\"rows\":100"), failure)
      val (again, _, refused) = submit(arguments("/runs/1"): _*)
      assert(again == 2 && refused.contains("already holds a run"), refused)
    }
  }

  test("a namenode that is away for 20 s during a checkpoint is waited for") {
    val timer = Executors.newSingleThreadScheduledExecutor()
    val outage = new Watching("round 2/4")(() => {
      cluster.shutdownNameNode(0)
      val restart: Runnable = () => cluster.restartNameNode(0, false)
      timer.schedule(restart, 20, TimeUnit.SECONDS)
    })
    val _ = data
    withSettings(spark: _*) {
      val console = Console(outage, new PrintStream(OutputStream.nullOutputStream()), Terminal.None)
      assert(Main.run(arguments("/runs/2"), console) == 0)
    }
    timer.shutdown()
    assert(timer.awaitTermination(1, TimeUnit.MINUTES))
    cluster.waitActive()
    assert(left("/runs/2") == complete && told("/runs/2") == events)
  }

  test("a quota that is used up ends the run with the file's name; the last checkpoint stays, and nothing beside it") {
    val (out, _) = (new Path("/runs/3"), data)
    fs.mkdirs(out)
    withSettings(spark: _*) {
      val full =
        new Watching("round 4/4")(() => fs.setQuota(out, Long.MaxValue - 1, fs.getContentSummary(out).getSpaceConsumed))
      val err = new ByteArrayOutputStream()
      val status = Main.run(arguments("/runs/3"), Console(full, new PrintStream(err, true), Terminal.None))
      assert(status == 1 && err.toString.linesIterator.size == 1, err.toString)
      assert(err.toString.startsWith(s"firesteel: write ${uri("/runs/3")}/checkpoint.safetensors: "), err.toString)
      assert(err.toString.contains("quota of /runs/3 is exceeded"), err.toString)
      assert(left("/runs/3") == Set("metrics.jsonl", "config.json", "checkpoint.safetensors"))
      fs.setQuota(out, Long.MaxValue - 1, Long.MaxValue - 1)
      val (resumed, said, failure) = submit(arguments("/runs/3", "--resume"): _*)
      assert(resumed == 0 && said.contains("resumed after round 2"), failure)
      assert(left("/runs/3") == complete && told("/runs/3") == events.take(5) ++ events.take(2) ++ events.drop(5))
    }
  }

  test(
    "a fit of the estimator that was interrupted goes on from HDFS, whose client refuses to work for such a thread"
  ) {
    assert(fitTwice(spark, uri("/fits")) == 2)
    assert(left("/fits").isEmpty)
  }

  test("of many runs that begin at once one holds the directory") {
    for (repetition <- 1 to 5) {
      val out = uri(s"/together/$repetition")
      val (refused, held) = claimTogether(8)(OutputDir.claim(out, client(), resume = false))
      assert(held.size == 1 && refused.forall(_.kind == Kind.CONFIG), refused.map(Failure.line))
      assert(refused.forall(_.getMessage.contains(s"output directory $out is held by ")), refused)
      held.foreach(_.close())
      assert(!fs.exists(new Path(out)) || fs.listStatus(new Path(out)).isEmpty)
    }
  }

  /** The settings of a client with a connection of its own, as another process has it. */
  private def client(): Configuration = {
    val conf = new Configuration()
    conf.setBoolean("fs.hdfs.impl.disable.cache", true)
    conf.setInt("dfs.replication", 1)
    conf
  }

  test("the lines of a run that was killed with its metrics open are found by the one that goes on") {
    val out = uri("/killed")
    def metricsOf(dir: Directory) = new MetricsFile(dir, JsonSettings.empty, () => Instant.EPOCH)
    fs.mkdirs(new Path("/killed"))
    val killed = metricsOf(Directory.existing(out, client()))
    killed.started(started)
    (1 to 3).foreach(n => killed.round(round(n))) // and never closed
    val next = metricsOf(Directory.existing(out, client()))
    next.started(started.copy(completedRounds = 2))
    next.round(round(3))
    next.close()
    assert(told("/killed") == Seq("start", "round", "round", "start", "round"))
  }

  test("a run whose directory was taken over appends no line to the metrics of the run that goes on") {
    val out = uri("/taken")
    fs.mkdirs(new Path("/taken"))
    var now = RunClaim.Moment(0, 0)
    val storage = Storage.at(out, client())
    val claim = RunClaim.take(
      storage,
      OutputDir.purpose,
      Holder.self().copy(id = "other", machine = "another boot"),
      clock = () => now
    )
    val suspended =
      new MetricsFile(new Directory(storage, Some(claim), passing = false), JsonSettings.empty, () => Instant.EPOCH)
    suspended.started(started)
    suspended.round(round(1))
    fs.setTimes(new Path("/taken/.firesteel.claim.1"), 0, -1) // as if it had not been renewed for long
    Using.resource(OutputDir.claim(out, client(), resume = true)) { dir =>
      val successor = new MetricsFile(dir, JsonSettings.empty, () => Instant.EPOCH)
      now = RunClaim.Moment(TimeUnit.SECONDS.toNanos(RunClaim.LeaseSeconds), 0)
      def refused(): Unit = {
        val e = intercept[FiresteelException](suspended.round(round(2)))
        assert(e.kind == Kind.IO && e.getMessage.contains("taken over by the run of process"), e.getMessage)
      }
      refused() // before the successor has opened the file, and after
      successor.started(started.copy(completedRounds = 1))
      refused()
      successor.round(round(2))
      successor.close()
    }
    claim.release()
    assert(told("/taken") == Seq("start", "round", "start", "round"))
  }
}
