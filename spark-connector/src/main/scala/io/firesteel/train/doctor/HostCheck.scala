// What one process, the driver or an executor, finds out about itself and its way to the driver.
package io.firesteel.train.doctor

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, Json, Machine, MemoryNeeds, TrainConfig}
import io.firesteel.jni.{Engine, Kind, NativeException}
import io.firesteel.train.workers.{Machines, NativeLibrary}
import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.Locale
import org.apache.spark.SparkFiles

/** @param findings whose place is still to be named
  * @param machine what it computes with, where the library could be loaded
  * @param trained images a second of the asked net, where that was measured
  */
private[doctor] final case class HostReport(
    findings: Seq[Finding],
    measures: Seq[(String, Double)] = Nil,
    machine: Option[Machine] = None,
    trained: Option[Double] = None
)

/** Runs in the process that it examines.
  *
  * @param request of `Engine.resolve`, for the asked configuration
  * @param slots task slots of this process; 0 for a driver without any, which measures no training
  * @param wantsGpu whether the application gives its tasks GPUs
  * @param driver where the driver listens, unless it cannot or this is the driver
  */
private[doctor] final case class HostCheck(
    request: String,
    slots: Int,
    wantsGpu: Boolean,
    driver: Option[ReceptionAddress]
) extends (() => HostReport)
    with Serializable {
  import HostCheck._

  def apply(): HostReport = {
    val surroundings = Seq(java, disk("temporary directory", sys.props("java.io.tmpdir"), TmpRemedy)) ++
      Option.when(driver.nonEmpty)(disk("Spark's directory", SparkFiles.getRootDirectory(), LocalRemedy))
    val own = loaded.fold(HostReport(_), inside)
    val way = driver.fold(HostReport(Nil))(reach)
    own.copy(findings = surroundings ++ own.findings ++ way.findings, measures = own.measures ++ way.measures)
  }

  /** The configuration, if the library can be loaded; else why not.
    *
    * @throws FiresteelException of kind config for a configuration that cannot be
    */
  private def loaded: Either[Seq[Finding], String] =
    try {
      NativeLibrary.load()
      Right(Engine.resolve(request))
    } catch {
      case e: FiresteelException if e.kind == Kind.LIBRARY => Left(Seq(withRemedy("libtorch", e.getMessage)))
      case e: NativeException if e.kind == Kind.CONFIG     => throw new FiresteelException(e.kind, e.getMessage, e)
    }

  private def inside(config: String): HostReport = {
    val found = Json.mapper.readTree(Engine.inspect(config))
    val machine = Machines.read("", Engine.machine(config))
    val (cores, precision) = (Json.small(found, "cores"), Json.text(found, "precision"))
    val faster =
      Json.text(Json.mapper.readTree(Engine.inspect(changed(config, _.put("precision", "auto")))), "precision")
    val hint = if (faster == precision) "" else s" ($faster is faster here: --precision auto)"
    val system = s"${sys.props("os.name")} ${sys.props("os.arch")}, glibc ${Json.text(found, "glibc")}"
    val processor = s"${machine.cpu}, ${machine.instructionSet}, $cores cores, $precision$hint"
    val findings = Seq(
      ok("system", system),
      if (machine.instructionSet == "DEFAULT")
        note("processor", processor, "use machines with AVX2: training is several times slower here")
      else ok("processor", processor),
      ok("libtorch", s"${machine.libtorch} in ${Json.text(found, "libtorch")}"),
      gpu(Json.small(found, "gpus"), Option(found.get("no_gpu")).filter(_.isTextual).map(_.asText), config)
    )
    val report = HostReport(findings, machine = Some(machine))
    if (slots == 0) report
    else measured(report.copy(findings = findings :+ threads(machine.threads, cores)), config, precision)
  }

  private def changed(config: String, change: ObjectNode => ObjectNode): String =
    change(Json.mapper.readTree(config).asInstanceOf[ObjectNode]).toString

  private def gpu(count: Int, why: Option[String], config: String): Finding =
    if (count > 0) ok("GPU", s"$count")
    else if (wantsGpu || TrainConfig.fromJson(config).device == "cuda")
      Finding(
        "GPU",
        "",
        Level.Problem,
        s"none: ${why.getOrElse("libtorch sees none")}",
        "see docs/clusters.md, or --device cpu"
      )
    else why.fold(ok("GPU", "none"))(note("GPU", "none is used", _))

  private def threads(each: Int, cores: Int): Finding = {
    val value = s"task slots: $slots, threads of each: $each, cores: $cores"
    if (slots * each <= cores) ok("threads", value)
    else
      note(
        "threads",
        value,
        s"workers would wait for each other: --threads ${math.max(1, cores / slots)}, or fewer task slots"
      )
  }

  private def measured(report: HostReport, config: String, precision: String): HostReport =
    Seq(training(report.machine.get, precision)(config), decoding()).foldLeft(report) { (before, next) =>
      before.copy(
        findings = before.findings ++ next.findings,
        measures = before.measures ++ next.measures,
        trained = before.trained.orElse(next.trained)
      )
    }

  private def training(machine: Machine, precision: String)(config: String): HostReport = try {
    val asked = TrainConfig.fromJson(config)
    val (speed, batch) = Measurement.trained(config)
    val usual = asked.net == Expectation.Net && batch == Expectation.Batch && machine.threads == 1
    val expected = Option.when(usual)(Expectation.trained(machine.instructionSet, precision)).flatten
    val found = HostCheck.speed("training", speed, s"images/s, ${asked.net} in minibatches of $batch", expected)
    HostReport(Seq(found), Seq("images_per_second" -> speed), trained = Some(speed))
  } catch { case e: NativeException => HostReport(Seq(withRemedy("training", e.getMessage))) }

  private def decoding(): HostReport = {
    val speed = Measurement.decoded()
    val found = HostCheck.speed("decoding", speed, "JPEG files/s of 256 x 256 pixels", Some(Expectation.Decoded))
    HostReport(Seq(found), Seq("decoded_per_second" -> speed))
  }
}

private[doctor] object HostCheck {
  private val LeastBytes = 1L << 30 // of a disk
  private val MaxClock = 1000.0 // milliseconds between two clocks
  private val TmpRemedy =
    "-Djava.io.tmpdir=DIR by --driver-java-options and spark.executor.extraJavaOptions"
  private val LocalRemedy = "--conf spark.local.dir=DIR, or more disk"

  def ok(subject: String, value: String): Finding = Finding(subject, "", Level.Ok, value)
  def note(subject: String, value: String, remedy: String): Finding = Finding(subject, "", Level.Note, value, remedy)

  /** A message of ours ends with what to do, after a semicolon. */
  def withRemedy(subject: String, message: String): Finding = message.lastIndexOf("; ") match {
    case -1 => Finding(subject, "", Level.Problem, message)
    case at => Finding(subject, "", Level.Problem, message.take(at), message.drop(at + 2))
  }

  private def java: Finding = ok("Java", sys.props("java.version"))

  private def disk(subject: String, directory: String, remedy: String): Finding = {
    val path = Path.of(directory).toAbsolutePath.normalize
    try {
      Files.delete(Files.createTempFile(path, "firesteel-doctor", ""))
      val free = Files.getFileStore(path).getUsableSpace
      val value = s"$path, ${MemoryNeeds.text(free)} free"
      if (free < LeastBytes) note(subject, value, s"choose another: $remedy") else ok(subject, value)
    } catch {
      case e: IOException =>
        Finding(subject, "", Level.Problem, s"$path cannot be written: $e", s"choose another: $remedy")
    }
  }

  def speed(subject: String, measured: Double, what: String, expected: Option[Double]): Finding = {
    val value = s"${number(measured)} $what" + expected.fold("")(usual => s" (usual: ${number(usual)} or more)")
    if (expected.forall(measured >= Expectation.Least * _)) ok(subject, value)
    else
      note(
        subject,
        value,
        "this core is slow or shared: look for other work on it, and for a limit of the container's processor time"
      )
  }

  private def reach(driver: ReceptionAddress): HostReport =
    try {
      val reached = Reception.visit(driver)
      val clock =
        s"${if (reached.clock < 0) "ahead of" else "behind"} the driver's by ${number(math.abs(reached.clock))} ms"
      val way = s"$driver in ${number(reached.roundTrip)} ms, ${number(reached.bytesPerSecond / 1e6)} MB/s"
      HostReport(
        Seq(
          ok("exchanger", way),
          if (math.abs(reached.clock) <= MaxClock) ok("clock", "as the driver's")
          else
            note("clock", clock, "let an NTP service set the clocks: claims on directories are judged by files' times")
        ),
        Seq(
          "round_trip_ms" -> reached.roundTrip,
          "clock_ms" -> reached.clock,
          "megabytes_per_second" -> reached.bytesPerSecond / 1e6
        )
      )
    } catch {
      case e: IOException =>
        val value = s"the driver cannot be reached at $driver, where an exchanger would listen: $e"
        val remedy =
          "--advertise HOST by which executors know the driver's machine, and --bind HOST:PORT with a port that is open"
        HostReport(Seq(Finding("exchanger", "", Level.Problem, value, remedy)))
    }

  private def number(value: Double): String = String.format(Locale.ROOT, if (value < 10) "%.2f" else "%,.0f", value)
}
