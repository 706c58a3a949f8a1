// Examines the driver and every executor before somebody trains: what is there, whether it fits, and how fast it is.
package io.firesteel.train.doctor

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{Build, FiresteelException, Json, Machine, TrainConfig}
import io.firesteel.data.ImageSource
import io.firesteel.jni.{Engine, Kind}
import io.firesteel.train.SparkDefaults
import io.firesteel.train.placement.{EachExecutor, Slots}
import io.firesteel.train.run.{MemoryCheck, Plan}
import io.firesteel.train.stage.StageJob
import java.io.IOException
import java.net.{InetAddress, InetSocketAddress}
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.{ExecutorSlots, LiveSettings, TaskSlots}

object Doctor {
  private val Seconds = 60L // in which an executor answers
  private val Rows = 50000L // of the data set that memory is estimated for: CIFAR's
  private val Classes = 10

  /** Examines the application's driver and executors, which takes some ten seconds.
    *
    * @param asked the run that is to fit: net, batch, workers, threads, precision, device, bind and advertise are looked at
    * @throws FiresteelException of kind config for a configuration that cannot be
    */
  def examine(sc: SparkContext, asked: TrainConfig): Diagnosis = {
    val slots = Slots.settled(sc, asked.workers, _ => ())
    val request = requestOf(asked, slots)
    val executors = TaskSlots.executors(sc)
    val wantsGpu = sc.getConf.contains("spark.task.resource.gpu.amount")
    def check(slots: Int, driver: Option[ReceptionAddress]) = HostCheck(request, slots, wantsGpu, driver)

    val ofDriver = check(if (sc.isLocal) slots else 0, None)()
    val (ofExecutors, ofCluster) = if (sc.isLocal) (Nil, Nil) else visit(sc, asked, executors)(check)
    val reports = ("driver" -> ofDriver) +: ofExecutors.map { case (executor, report) => placeOf(executor) -> report }
    val memory = if (ofDriver.machine.isEmpty) Nil else memoryOf(sc, asked, slots)
    Diagnosis(
      about(sc),
      settings(sc) ++ slotsOf(sc, asked, executors, slots) ++ memory ++
        reports.flatMap { case (place, report) => report.findings.map(_.copy(place = place)) } ++ ofCluster,
      reports.collect { case (place, report) if report.measures.nonEmpty => Measures(place, report.measures) }
    )
  }

  private def about(sc: SparkContext): Seq[(String, String)] = Seq(
    "firesteel" -> s"${Build.version} for Spark ${Build.spark}",
    "Spark" -> sc.version,
    "Scala" -> scala.util.Properties.versionNumberString,
    "master" -> sc.master
  )

  private def requestOf(asked: TrainConfig, slots: Int): String = {
    val workers = asked.workers.getOrElse(math.max(1, slots))
    val dataset = asked.dataset.orElse(Some(if (asked.size.isDefined) "images" else "cifar10"))
    val complete = asked.copy(
      workers = Some(workers),
      dataset = dataset,
      batch = asked.batch.orElse(Some(Expectation.Batch)),
      iterations = Some(1)
    )
    val request = Json.mapper.createObjectNode()
    request.set[JsonNode]("config", Json.mapper.readTree(complete.toJson))
    request.putObject("facts").put("rows", Rows).put("classes", Classes).put("encoded", dataset.contains("images"))
    request.toString
  }

  /** Runs a check in every executor at once, while the driver listens where a run's exchanger would.
    *
    * @param check for an executor of so many slots
    * @return the reports of those that answered, and what was found of all together
    */
  private def visit(sc: SparkContext, asked: TrainConfig, executors: Seq[ExecutorSlots])(
      check: (Int, Option[ReceptionAddress]) => HostCheck
  ): (Seq[(ExecutorSlots, HostReport)], Seq[Finding]) = {
    val (reception, refused) = receive(sc, asked)
    try {
      val checks = executors.map(executor => executor.id -> check(executor.tasks, reception.map(_.address))).toMap
      val (answers, _) = EachExecutor.run(sc, executors, Seconds, "doctor")(new OwnCheck(checks))
      val reports = executors.flatMap(executor => answers.get(executor.id).map(executor -> _))
      val silent = executors.filterNot(executor => answers.contains(executor.id)).map { executor =>
        val remedy = "look into its log, and whether other jobs keep its task slots busy"
        Finding("executor", placeOf(executor), Level.Problem, s"gave no answer in $Seconds s, or failed", remedy)
      }
      (reports, refused.toSeq ++ silent ++ alike(reports))
    } finally reception.foreach(_.close())
  }

  /** A listener, or why there is none. */
  private def receive(sc: SparkContext, asked: TrainConfig): (Option[Reception], Option[Finding]) = {
    val config = StageJob.listening(sc, asked)
    val bind = config.bind.get
    try {
      val (host, port) = bind.splitAt(bind.lastIndexOf(':'))
      val address = InetAddress.getByName(host.stripPrefix("[").stripSuffix("]"))
      (Some(new Reception(new InetSocketAddress(address, port.drop(1).toInt), config.advertise.get)), None)
    } catch {
      case e: IOException =>
        val remedy = "--bind 0.0.0.0:0, or another address of this machine"
        (None, Some(Finding("exchanger", "driver", Level.Problem, s"cannot listen on $bind: $e", remedy)))
    }
  }

  private def placeOf(executor: ExecutorSlots): String = {
    val host = if (executor.host.isEmpty) "" else s" on ${executor.host}" // Spark has not heard of it yet
    s"${Diagnosis.Executor}${executor.id}$host"
  }

  private def slotsOf(sc: SparkContext, asked: TrainConfig, executors: Seq[ExecutorSlots], slots: Int): Seq[Finding] = {
    val value = if (sc.isLocal) s"$slots" else s"$slots in ${executors.size} executors"
    val finding = Finding("task slots", "all", Level.Ok, value)
    Seq(
      if (slots == 0)
        finding.copy(
          level = Level.Problem,
          value = "no executor has come",
          remedy = "look at the cluster's own page: has it room for them?"
        )
      else if (asked.workers.exists(_ > slots))
        finding.copy(
          level = Level.Note,
          value = s"$value for ${asked.workers.get} workers",
          remedy = s"--workers $slots, or more executors or cores"
        )
      else finding
    )
  }

  /** The settings of Spark that a run wants and that this application was not started with. */
  private def settings(sc: SparkContext): Seq[Finding] =
    if (sc.isLocal) Nil
    else {
      val speculates = LiveSettings.get(sc, "spark.speculation").contains("true")
      val lacking = SparkDefaults.settings.filter(setting => LiveSettings.get(sc, setting.key).isEmpty)
      lacking.map { setting =>
        Finding(
          "Spark's settings",
          "all",
          Level.Note,
          s"${setting.key} is not set: ${setting.reason}",
          s"--conf '${setting.key}=${setting.value}'"
        )
      } ++ Option.when(speculates) {
        val reason = SparkDefaults.settings.find(_.key == "spark.speculation").get.reason
        Finding(
          "Spark's settings",
          "all",
          Level.Problem,
          s"spark.speculation is true: $reason",
          "--conf spark.speculation=false"
        )
      }
    }

  /** What a run takes, as it would be checked before it begins. */
  private def memoryOf(sc: SparkContext, asked: TrainConfig, slots: Int): Seq[Finding] = {
    val plan = Plan.described(Engine.resolve(requestOf(asked, slots)))
    val source = ImageSource(sc.emptyRDD, Rows, Classes, Measurement.formatOf(plan.config), _ => "")
    try
      MemoryCheck.checked(sc, plan, source, None).toSeq.map { needs =>
        val value = s"${plan.config.net}, batch ${plan.config.batch.get}, $Rows images: ${needs.text}"
        needs.warning.fold(Finding("memory", "all", Level.Ok, value))(Finding("memory", "all", Level.Note, value, _))
      }
    catch {
      case e: FiresteelException if e.kind == Kind.MEMORY => Seq(Finding("memory", "all", Level.Problem, e.getMessage))
    }
  }

  /** Whether the executors compute with the same, and are about as fast as each other. */
  private def alike(reports: Seq[(ExecutorSlots, HostReport)]): Seq[Finding] = {
    val machines = reports.flatMap { case (executor, report) => report.machine.map(_.copy(executor = executor.id)) }
    val speeds = reports.flatMap { case (executor, report) => report.trained.map(executor -> _) }.sortBy(_._2)
    val slow = speeds.takeWhile { case (_, speed) => speed < Expectation.Least * speeds(speeds.size / 2)._2 }
    Machine
      .difference(machines)
      .map(Finding("machines", "all", Level.Note, _, "use machines of one kind where bits matter"))
      .toSeq ++
      slow.map { case (executor, _) =>
        Finding(
          "training",
          placeOf(executor),
          Level.Note,
          "less than half as fast as the median of the executors",
          "look for other work on its machine: with a synchronous strategy all wait for it"
        )
      }
  }
}

/** The check of the executor that it runs in. */
private final class OwnCheck(checks: Map[String, HostCheck]) extends (() => HostReport) with Serializable {
  def apply(): HostReport = checks(org.apache.spark.SparkEnv.get.executorId)()
}
