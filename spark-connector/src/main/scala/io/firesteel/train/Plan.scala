// What a run is going to do, worked out once on the driver: the resolved configuration, the net's layout, the rounds.
package io.firesteel.train

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.data.ImageSource
import io.firesteel.jni.{Engine, Kind}

/** @param config resolved
  * @param configJson the same, as the engine wrote it
  * @param tensors of the net, in the order of a flat vector
  * @param length floats of the net's vector: its weights and running statistics
  * @param parameters weights alone, as they are published
  * @param stateLength floats of the solver's state
  * @param digest of the net's layout; goes along with every vector
  * @param needs what the run takes, where that was worked out
  * @param slots tasks that run at once; 0 where no executor is there yet
  * @param machines of the executors, as far as they were there at the start
  */
private[train] final case class Plan(
    config: TrainConfig,
    configJson: String,
    tensors: Tensors,
    length: Int,
    parameters: Int,
    stateLength: Int,
    digest: String,
    needs: Option[MemoryNeeds] = None,
    slots: Int = 0,
    machines: Seq[Machine] = Nil
) {

  /** Workers that train. */
  def workers: Int = config.workers.get

  /** Whether the workers exchange by themselves inside one long stage; only then there is somebody to wait for, or not.
    * What is said of rounds below then counts `tau * workers` minibatches as one.
    */
  def inStage: Boolean = config.consistency.nonEmpty

  /** Minibatches of all workers together. */
  def budget: Long = Math.multiplyExact(config.iterations.get, workers.toLong)

  def rounds: Int = Math.toIntExact(singles + (config.iterations.get - singles + config.tau - 1) / config.tau)

  /** Local steps of each worker before round `round`, counted from 0. */
  def firstStep(round: Int): Long =
    if (round <= singles) round.toLong
    else math.min(singles + (round - singles) * config.tau, config.iterations.get)

  /** Rounds behind `minibatches` of all workers inside one stage; all of them only when the budget is spent. */
  def roundsBehind(minibatches: Long): Int =
    if (minibatches >= budget) rounds else Math.toIntExact(minibatches / config.tau / workers)

  /** Rounds of one step at the start: Lin, Stich, Patel and Jaggi's post-local SGD (2020). Workers in a stage keep their
    * own period.
    */
  private def singles: Long =
    if (inStage) 0 else config.postLocalStep.fold(0L)(math.min(_, config.iterations.get))

  /** Local steps of round `round`; the last round may be shorter. */
  def steps(round: Int): Long = firstStep(round + 1) - firstStep(round)

  /** Whether the center is evaluated and saved once `done` rounds are done. */
  def pausesAfter(done: Int): Boolean = done % config.evalEvery == 0 || done == rounds

  /** Whether the center is evaluated and saved between two moments of a run inside one stage, its end not counted. */
  def pausesBetween(before: Int, now: Int): Boolean =
    now < rounds && now / config.evalEvery > before / config.evalEvery

  /** Whether the solver's state travels with the weights, behind them in every vector. */
  def averagesState: Boolean = config.solverState == "average"

  /** Whether each worker has a solver state of its own from round to round, which a checkpoint must keep. In a stage
    * it is the worker's alone, and begins again with it.
    */
  def keepsState: Boolean = config.solverState == "local" && !inStage

  /** Floats of the center. */
  def centerLength: Int = if (averagesState) Math.addExact(length, stateLength) else length

  /** The same with exchanges in TLS. */
  def encrypted: Plan =
    Plan
      .described(Tensors.mapper.readTree(configJson).asInstanceOf[ObjectNode].put("tls", true).toString)
      .copy(needs = needs, slots = slots, machines = machines)

  /** What one worker of `rows` rows takes of native memory. */
  def memory(rows: Long): WorkerMemory = WorkerMemory.read(Engine.memory(configJson, rows))

  /** Where a worker takes its solver's state from, in the engine's words. */
  def stateOfRound: String = if (averagesState) "given" else if (keepsState) "keep" else "reset"
}

private[train] object Plan {

  /** Strategies of one worker. */
  private val Alone = Set("sequential", "hogwild")

  /** Workers that `config` asks for by their number or by its strategy.
    *
    * @throws FiresteelException of kind config for more than there are rows
    */
  def workersAsked(config: TrainConfig, train: ImageSource): Option[Int] = {
    for (workers <- config.workers if workers > train.rows)
      throw new FiresteelException(
        Kind.CONFIG,
        s"$workers workers are more than the ${train.rows} rows of the training set: set workers to at most ${train.rows}"
      )
    config.workers.orElse(Option.when(Alone(config.strategy))(1))
  }

  /** Completes and checks `config` for that training set; by default there is a worker for each of `slots`, as far as
    * there are rows.
    */
  def resolve(config: TrainConfig, train: ImageSource, slots: Int): Plan = {
    val workers = workersAsked(config, train).getOrElse(math.min(slots, train.rows).toInt)
    val asked = config.copy(workers = Some(workers), dataset = config.dataset.orElse(Some(train.format.name)))
    val request = Tensors.mapper.createObjectNode()
    request.set[JsonNode]("config", Tensors.mapper.readTree(asked.toJson))
    request.putObject("facts").put("rows", train.rows).put("classes", train.classes)
    described(Engine.resolve(request.toString)).copy(slots = slots)
  }

  /** The plan of a configuration that is resolved already. */
  def described(configJson: String): Plan = {
    val layout = Tensors.mapper.readTree(Engine.describe(configJson))
    Plan(
      TrainConfig.fromJson(configJson),
      configJson,
      Tensors(Tensors.shapesOf(layout)),
      Json.small(layout, "length"),
      Json.small(layout, "parameters"),
      Json.small(layout, "state"),
      Json.text(layout, "digest")
    )
  }
}
