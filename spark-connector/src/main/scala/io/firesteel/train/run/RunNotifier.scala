// Measures a run's time and sends its events to the listener: one at a time, whichever thread they come from.
package io.firesteel.train.run

import io.firesteel.{
  EndReason,
  Ended,
  Evaluated,
  ExchangeTotals,
  Fault,
  FiresteelException,
  ImagesDropped,
  Started,
  TrainListener,
  WorkersLoaded
}
import io.firesteel.data.ImageSource
import io.firesteel.jni.Kind

/** @param start the state that the run starts from */
private[train] abstract class RunNotifier(plan: Plan, start: RunState, listener: TrainListener) {
  private var beganAt = 0L // System.nanoTime
  private var pausedNanos = 0L
  @volatile protected var current = 0 // round under way, 1-based; 0 before the first
  private var over = false
  @volatile protected var best: Option[Best] = start.best
  private var split = "test" // that is evaluated

  /** Sends the first event.
    *
    * @param completedSteps minibatches of all workers before the checkpoint of a resumed run
    */
  def started(train: ImageSource, evaluated: Option[ImageSource], completedSteps: Long): Unit = synchronized {
    val config = plan.config
    evaluated.foreach(source => split = source.split)
    listener.started(
      Started(
        config,
        train.rows,
        evaluated.fold(0L)(_.rows),
        train.classes,
        plan.parameters,
        plan.rounds,
        start.round,
        completedSteps,
        plan.needs,
        plan.slots,
        plan.machines,
        plan.how,
        plan.isSynchronous,
        split
      )
    )
  }

  /** Tells what each worker computes on, by its number. */
  def loaded(devices: Seq[String]): Unit = synchronized(listener.loaded(WorkersLoaded(devices)))

  /** Tells that rows were left out because they are no images. */
  def dropped(images: ImagesDropped): Unit = synchronized(listener.dropped(images))

  /** Starts to measure the time. */
  def begins(): Unit = {
    beganAt = System.nanoTime()
    current = start.round + 1
  }

  /** Runs `body`, whose time does not count as `seconds`. */
  def pausing[A](body: => A): A = {
    val from = System.nanoTime()
    try body
    finally pausedNanos += System.nanoTime() - from
  }

  /** Sends the event of an evaluation, and returns the state after it.
    *
    * @throws FiresteelException of kind internal, after the event, if the score is not finite
    */
  def evaluated(state: RunState, score: Score): RunState = synchronized {
    best = Some(plan.best(best, state, score))
    val after = state.copy(wallSeconds = wallSeconds, score = Some(score), best = best)
    listener.evaluated(
      Evaluated(after.round, after.samples, after.seconds, after.wallSeconds, score.accuracy, score.loss, split)
    )
    if (!score.isFinite) diverged(s"by round ${after.round}", s"the $split loss is ${score.loss}")
    after
  }

  /** Checks the weights before they are saved or returned. The loss of a step is computed before the step, so if there
    * is no test set, only the weights show what the last step did.
    *
    * @throws FiresteelException of kind internal if a weight is not finite
    */
  def checked(state: RunState): RunState = {
    state.center.firstNotFinite.foreach { case (at, value) =>
      diverged(s"by round ${state.round}", s"weight $at is $value")
    }
    state
  }

  /** Ends the run if the loss of its training is not finite. */
  protected def checkLoss(loss: Double, where: String): Unit =
    if (!java.lang.Double.isFinite(loss)) diverged(where, s"the loss is $loss")

  /** Ends the run. `where` and `how` complete the sentence that training diverged. */
  protected def diverged(where: String, how: String): Nothing = {
    val hint = plan.config.lr.fold("")(value => s" (now $value)")
    throw new FiresteelException(Kind.INTERNAL, s"training diverged $where: $how: try a smaller --lr$hint")
  }

  /** Whether the listener wants the run to end. */
  def stops: Boolean = listener.stops

  /** Sends the last event. Faults after it, while the run cleans up, are not reported.
    *
    * @param stopped whether the listener ended the run
    * @throws RunStopped if it did so before the first round had ended
    */
  def ended(state: RunState, stopped: Boolean, exchanges: Option[ExchangeTotals] = None): Unit = synchronized {
    if (stopped && state.round == 0) throw new RunStopped
    over = true
    val score = state.best.filter(_ => plan.config.restoreBestWeights).map(_.score).orElse(state.score)
    listener.ended(
      Ended(
        state.round,
        state.samples,
        state.seconds,
        wallSeconds,
        score.map(_.accuracy),
        score.map(_.loss),
        if (state.seconds > 0) state.samples / state.seconds else 0,
        exchanges,
        state.best.map(_.round),
        state.best.map(_.score.accuracy),
        if (stopped) EndReason.Stopped else if (state.round < plan.rounds) EndReason.Patience else EndReason.Budget
      )
    )
  }

  /** Sends the event of a fault, in the round under way. */
  def fault(what: String, action: String): Unit = synchronized {
    if (!over) listener.fault(Fault(current, what, action))
  }

  protected def wallSeconds: Double = start.wallSeconds + (System.nanoTime() - beganAt) / 1e9

  protected def seconds: Double = start.seconds + (System.nanoTime() - beganAt - pausedNanos) / 1e9
}
