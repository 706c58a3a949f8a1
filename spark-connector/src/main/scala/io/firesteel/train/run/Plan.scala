// What a run is going to do, computed once on the driver: the resolved configuration, the net's layout, the rounds.
package io.firesteel.train.run

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, Json, Machine, MemoryNeeds, TrainConfig}
import io.firesteel.data.{ImageSource, RecordFormat}
import io.firesteel.jni.{Engine, Kind}
import io.firesteel.tensors.{PackedVector, Tensors}
import scala.jdk.CollectionConverters._

/** @param config resolved
  * @param configJson the same, as the engine wrote it
  * @param tensors of the net, in the order of a flat vector
  * @param length floats of the net's vector: its weights and running statistics
  * @param parameters number of weights without running statistics, as papers count them
  * @param stateLength floats of the solver's state
  * @param digest of the net's layout; goes along with every vector
  * @param periods local steps between two exchanges, from each step on from which they change
  * @param needs the memory that the run takes, if that was estimated
  * @param slots tasks that run at once; 0 if no executor has registered yet
  * @param machines of the executors that have registered
  * @param asked the configuration as it was asked for, before it was resolved; the default asks for nothing
  * @param how `in one stage` or `in rounds`, and why, for the first line of a run; empty if the strategy has no choice
  */
private[train] final case class Plan(
    config: TrainConfig,
    configJson: String,
    tensors: Tensors,
    length: Int,
    parameters: Int,
    stateLength: Int,
    digest: String,
    periods: IndexedSeq[PeriodStart],
    needs: Option[MemoryNeeds] = None,
    slots: Int = 0,
    machines: Seq[Machine] = Nil,
    asked: TrainConfig = TrainConfig(),
    how: String = ""
) {

  /** Workers that train. */
  def workers: Int = config.workers.get

  /** Whether the workers exchange inside one long stage. Otherwise each round is a Spark job. */
  def inStage: Boolean = config.consistency.exists(_ != "rounds")

  /** Whether all workers end each round together. With an asynchronous strategy a round below means `tau * workers`
    * minibatches of all workers together.
    */
  def isSynchronous: Boolean = !inStage || Plan.Synchronous(config.strategy)

  /** Minibatches of all workers together. */
  def budget: Long = Math.multiplyExact(config.iterations.get, workers.toLong)

  /** With an asynchronous strategy, the period may change for each worker by itself, and rounds are counted by `tau`. */
  private lazy val ofRun =
    new Rounds(if (isSynchronous) periods else IndexedSeq(PeriodStart(0, config.tau)), config.iterations.get)

  /** Rounds of the whole run. */
  def rounds: Int = ofRun.count

  /** Local steps of each worker before round `round`, counted from 0. */
  def firstStep(round: Int): Long = ofRun.firstStep(round)

  /** Minibatches of all workers before round `round`. */
  def minibatchesBefore(round: Int): Long = Math.multiplyExact(firstStep(round), workers.toLong)

  /** Rounds that `minibatches` of all workers inside one stage make; the last counts only when the budget is spent. */
  def roundsBehind(minibatches: Long): Int =
    if (minibatches >= budget) rounds else ofRun.behind(minibatches / workers)

  /** Local steps of round `round`; the last round may be shorter. */
  def steps(round: Int): Long = firstStep(round + 1) - firstStep(round)

  /** Whether the center is evaluated and saved once `done` rounds are done. */
  def pausesAfter(done: Int): Boolean = done % config.evalEvery == 0 || done == rounds

  /** The number of rounds after which the center is evaluated and saved next, when `done` rounds are done. */
  def pauseAfter(done: Int): Int = math.min((done / config.evalEvery + 1L) * config.evalEvery, rounds.toLong).toInt

  /** Whether an evaluation and a checkpoint are due when an asynchronous run has gone from `before` to `now` rounds. The
    * one at the end is not counted.
    */
  def pausesBetween(before: Int, now: Int): Boolean =
    now < rounds && now / config.evalEvery > before / config.evalEvery

  /** Whether the run goes on from `state`. */
  def goesOn(state: RunState): Boolean = state.round < rounds && !isOutOfPatience(state)

  /** Whether the accuracy has not risen for so long that the run ends. */
  def isOutOfPatience(state: RunState): Boolean =
    config.patience.exists(most => state.best.exists(_.since >= most))

  /** The best evaluation after one of `state`, where `before` was the best so far. */
  def best(before: Option[Best], state: RunState, score: Score): Best = before match {
    case Some(best) if score.accuracy <= best.score.accuracy => best.copy(since = best.since + 1)
    case _                                                   =>
      val weights = if (config.restoreBestWeights) state.center.first(length) else PackedVector.empty
      Best(state.round, score, since = 0, weights)
  }

  /** The weights that the model has if the run ends with `state`. */
  def weights(state: RunState): Array[Float] =
    state.best.filter(_ => config.restoreBestWeights).fold(state.center.first(length))(_.weights).floats

  /** Whether the solver's state is sent with the weights, after them in every vector. */
  def averagesState: Boolean = config.solverState == "average"

  /** Whether each worker keeps a solver state of its own from round to round, which belongs into a checkpoint. With
    * strategies whose workers also have weights of their own a resumed worker starts at the center, with a state of zeros.
    */
  def keepsState: Boolean = config.solverState == "local" && (!inStage || config.strategy == "sparknet")

  /** Floats of the center. */
  def centerLength: Int = if (averagesState) Math.addExact(length, stateLength) else length

  /** The same with exchanges in TLS. */
  def encrypted: Plan = changed(_.put("tls", true))

  /** The same with that consistency. */
  def withConsistency(name: String): Plan = changed(_.put("consistency", name))

  private def changed(change: ObjectNode => ObjectNode): Plan =
    Plan
      .described(change(Json.mapper.readTree(configJson).asInstanceOf[ObjectNode]).toString)
      .copy(needs = needs, slots = slots, machines = machines, asked = asked, how = how)

  /** The native memory that one worker with `rows` rows of this format takes. */
  def memory(rows: Long, format: RecordFormat): WorkerMemory =
    WorkerMemory.read(Engine.memory(configJson, rows, format.json.toString))

  /** Where a worker takes its solver's state from in a round; the values are the engine's. */
  def stateOfRound: String = if (averagesState) "given" else if (keepsState) "keep" else "reset"
}

private[train] object Plan {

  /** Strategies with one worker. */
  private val SingleWorker = Set("sequential", "hogwild")

  /** Strategies inside one stage whose exchanges are of all workers at once. */
  private val Synchronous = Set("sparknet", "easgd")

  /** The number of workers that `config` asks for, itself or by its strategy.
    *
    * @throws FiresteelException of kind config if there are fewer rows
    */
  def workersAsked(config: TrainConfig, train: ImageSource): Option[Int] = {
    for (workers <- config.workers if workers > train.rows)
      throw new FiresteelException(
        Kind.CONFIG,
        s"$workers workers are more than the ${train.rows} rows of the training set: set workers to at most ${train.rows}"
      )
    config.workers.orElse(Option.when(SingleWorker(config.strategy))(1))
  }

  /** Completes and checks `config` for that training set; by default there is a worker for each of `slots`, but
    * not more than rows.
    */
  def resolve(config: TrainConfig, train: ImageSource, slots: Int): Plan = {
    val workers = workersAsked(config, train).getOrElse(math.min(slots, train.rows).toInt)
    val asked = config.copy(workers = Some(workers), dataset = config.dataset.orElse(Some(train.format.dataset)))
    val request = Json.mapper.createObjectNode()
    request.set[JsonNode]("config", Json.mapper.readTree(asked.toJson))
    val encoded = train.format match {
      case _: RecordFormat.Encoded => true
      case _                       => false
    }
    request.putObject("facts").put("rows", train.rows).put("classes", train.classes).put("encoded", encoded)
    described(Engine.resolve(request.toString)).copy(slots = slots, asked = config)
  }

  /** The plan of a configuration that is resolved already. */
  def described(configJson: String): Plan = {
    val layout = Json.mapper.readTree(Engine.describe(configJson))
    Plan(
      TrainConfig.fromJson(configJson),
      configJson,
      Tensors(Tensors.shapesOf(layout)),
      Json.small(layout, "length"),
      Json.small(layout, "parameters"),
      Json.small(layout, "state"),
      Json.text(layout, "digest"),
      Json.list(layout, "periods").elements.asScala.toIndexedSeq.map { start =>
        PeriodStart(Json.whole(start, "from"), Json.whole(start, "steps"))
      }
    )
  }
}
