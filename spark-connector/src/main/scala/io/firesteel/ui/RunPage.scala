// The page of one run: what it is, how far it is, its plots, its workers, what was lost, and its settings.
package io.firesteel.ui

import scala.xml.{Node, NodeSeq}

private[ui] object RunPage {
  def of(run: RunView): NodeSeq =
    <div data-part="facts">
      <h5>{run.about.name}</h5>
      {why(run.progress)}
      <dl class="firesteel-facts">{
      facts(run).map { case (name, value) => <div><dt>{name}</dt><dd>{value}</dd></div> }
    }</dl>
    </div> ++ plots ++
      <div data-part="merged">{merged(run)}</div> ++
      <div data-part="workers">{if (run.workers.isEmpty) NodeSeq.Empty else workers(run)}</div> ++
      <div data-part="staleness">{staleness(run)}</div> ++
      <div data-part="faults">{faults(run)}</div> ++
      <div data-part="settings">{settings(run)}</div>

  private def why(progress: Progress): NodeSeq =
    if (progress.why.isEmpty) NodeSeq.Empty else <p class="firesteel-note" role="note">{progress.why}</p>

  private def facts(run: RunView): Seq[(String, NodeSeq)] = {
    import run.{about, progress}
    val shown = Seq(
      "Strategy" -> Seq(about.strategy, about.how).filter(_.nonEmpty).mkString(" "),
      "Net" -> (if (about.parameters > 0) s"${about.net} (${Shown.whole(about.parameters)} parameters)" else about.net),
      "Workers" -> workersWithDevices(about),
      "Images" -> (if (about.trainRows > 0) images(about) else ""),
      "Started" -> Shown.date(about.began),
      "Training" -> Shown.duration(progress.seconds),
      "With evaluations" -> (if (progress.going) "" else Shown.duration(progress.wallSeconds)),
      "Rounds" -> (Shown.rounds(run) + (if (about.completedRounds > 0) s", resumed after ${about.completedRounds}"
                                        else "")),
      "Images a second" -> Shown.whole(progress.images),
      "Training loss" -> Shown.number(progress.loss),
      s"Accuracy (${about.split})" -> Shown.percent(progress.accuracy),
      s"Loss (${about.split})" -> Shown.number(progress.evaluatedLoss),
      "Best accuracy" ->
        (if (progress.bestRound > 0) s"${Shown.percent(progress.bestAccuracy)} after round ${progress.bestRound}"
         else ""),
      "Exchanged" -> (if (progress.exchangeBytes > 0) Shown.bytes(progress.exchangeBytes) else ""),
      "Exchanges" -> (if (progress.exchanges > 0) Shown.whole(progress.exchanges.toDouble) else ""),
      "Mean staleness" -> (if (about.synchronous) "" else meanStaleness(run)),
      "Left out" -> (if (progress.dropped > 0) s"${Shown.whole(progress.dropped.toDouble)} rows that are no images"
                     else "")
    )
    ("State" -> NodeSeq.fromSeq(PageParts.state(progress))) +:
      shown.filter(_._2.nonEmpty).map { case (name, value) => name -> NodeSeq.fromSeq(scala.xml.Text(value)) }
  }

  private def workersWithDevices(about: About): String = {
    val devices = about.devices.groupBy(identity).toSeq.sortBy(_._1).map { case (name, all) => s"${all.size} x $name" }
    if (about.workers == 0) "" else if (devices.isEmpty) s"${about.workers}" else devices.mkString(", ")
  }

  private def images(about: About): String =
    s"${Shown.whole(about.trainRows.toDouble)} for training, ${Shown.whole(about.testRows.toDouble)} for the ${about.split}, " +
      s"${about.classes} classes"

  private def meanStaleness(run: RunView): String = {
    val (exchanges, stale) = (run.workers.map(_.exchanges).sum, run.workers.map(w => w.staleness * w.exchanges).sum)
    if (exchanges == 0) "" else Shown.number(stale / exchanges)
  }

  /** Filled by the scripts; a plot without data stays hidden. */
  private val plots: NodeSeq =
    <div class="firesteel-axis" role="group" aria-label="Horizontal axis of the plots">
      <span>Over</span>
      <button type="button" data-axis="round" aria-pressed="true">rounds</button>
      <button type="button" data-axis="seconds" aria-pressed="false">seconds of training</button>
    </div>
    <div class="firesteel-plots" id="firesteel-plots"></div>
    <noscript><p>The plots need JavaScript.</p></noscript>

  /** How many of what happened are one point, where that is more than one. */
  private def merged(run: RunView): NodeSeq = {
    val coarse = Seq("rounds" -> "rounds", "evaluations" -> "evaluations").flatMap { case (name, what) =>
      run.curves.get(name).filter(_.each > 1).map(curve => s"${curve.each} $what")
    }
    if (coarse.isEmpty) NodeSeq.Empty
    else <p class="text-muted small">{s"A point of the plots stands for ${coarse.mkString(" or ")} in a row."}</p>
  }

  private def workers(run: RunView): NodeSeq = {
    val stale = if (run.about.synchronous) Nil else Seq("Staleness")
    val heads = Seq("Worker", "Device", "Exchanges", "Local steps", "Images a second", "Loss") ++ stale ++
      Seq("Computing", "Exchanging", "Waiting", "Share of the time computing")
    <h6>Workers</h6>
    <table class="table table-bordered table-striped table-sm sortable firesteel-table">
      <thead><tr>{heads.map(head => <th>{head}</th>)}</tr></thead>
      <tbody>{run.workers.map(worker(_, stale.nonEmpty))}</tbody>
    </table>
    <p class="text-muted small">
      Computing, exchanging and waiting are means of an exchange. A worker that waits does no local steps: without overlap for as
      long as it exchanges.
    </p>
  }

  private def worker(of: WorkerView, stale: Boolean): Node = {
    val share = of.computing / (of.computing + of.waiting)
    val mean = (sum: Double) => Shown.millis(sum / of.exchanges)
    <tr>
      <td class="firesteel-number">{of.worker}</td>
      <td>{of.device}</td>
      <td class="firesteel-number">{Shown.whole(of.exchanges.toDouble)}</td>
      <td class="firesteel-number">{Shown.whole(of.steps.toDouble)}</td>
      <td class="firesteel-number">{Shown.whole(of.images)}</td>
      <td class="firesteel-number">{Shown.number(of.loss)}</td>
      {if (stale) <td class="firesteel-number">{Shown.number(of.staleness)}</td> else NodeSeq.Empty}
      <td class="firesteel-number">{mean(of.computing)}</td>
      <td class="firesteel-number">{mean(of.exchanging)}</td>
      <td class="firesteel-number">{mean(of.waiting)}</td>
      <td><meter min="0" max="1" value={if (share.isNaN) "0" else share.toString}></meter> {Shown.percent(share)}</td>
    </tr>
  }

  /** Of an asynchronous run that has ended. */
  private def staleness(run: RunView): NodeSeq = {
    val counts = run.progress.staleness.toSeq
    val shown = counts.take(counts.lastIndexWhere(_ > 0) + 1)
    if (run.about.synchronous || shown.isEmpty) NodeSeq.Empty
    else {
      val names =
        shown.indices.map(updates => if (updates == counts.size - 1) s"$updates or more" else updates.toString)
      <h6>Exchanges by staleness</h6>
      <table class="table table-bordered table-sm firesteel-table">
        <tbody>
          <tr><th scope="row">Staleness</th>{names.map(name => <td class="firesteel-number">{name}</td>)}</tr>
          <tr><th scope="row">Exchanges</th>{
        shown.map(n => <td class="firesteel-number">{Shown.whole(n.toDouble)}</td>)
      }</tr>
        </tbody>
      </table>
    }
  }

  private def faults(run: RunView): NodeSeq = if (run.faultCount == 0) NodeSeq.Empty
  else
    <h6>{
      if (run.faults.size < run.faultCount) s"Faults: the latest ${run.faults.size} of ${run.faultCount}" else "Faults"
    }</h6>
    <table class="table table-bordered table-striped table-sm firesteel-table">
      <thead><tr>{Seq("Time", "Round", "What was lost", "What was done").map(head => <th>{head}</th>)}</tr></thead>
      <tbody>{run.faults.map(fault)}</tbody>
    </table>

  private def fault(of: FaultView): Node =
    <tr>
      <td>{Shown.date(of.time)}</td>
      <td class="firesteel-number">{of.round}</td>
      <td>{of.what}</td>
      <td>{of.action}</td>
    </tr>

  private def settings(run: RunView): NodeSeq = if (run.settings.isEmpty) NodeSeq.Empty
  else
    <h6>Settings that differ from the default, or have none</h6>
    <table class="table table-bordered table-striped table-sm firesteel-table firesteel-settings">
      <tbody>{run.settings.map(one => <tr><th scope="row">{one.key}</th><td>{one.value}</td></tr>)}</tbody>
    </table>
}
