// The end of a run that its listener asked for.
package io.firesteel.train.run

/** Thrown instead of the result of the job under way, and of each later one, of a run that its listener stops. */
private[train] final class RunStopped extends RuntimeException("the run was stopped", null, false, false)

private[train] object RunStopped {

  /** Runs `body`, and says whether it was stopped. */
  def during(body: => Unit): Boolean =
    try {
      body
      false
    } catch { case _: RunStopped => true }
}
