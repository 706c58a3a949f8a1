// The tab: a page that lists the runs of the application, and a page of one run. Whatever people have written into names,
// paths and messages is text here, which XML literals escape.
package io.firesteel.ui

import org.apache.spark.ui.firesteel.{PageContent, PageRequest, TabUi, TabView}
import scala.xml.{Node, NodeSeq}

private[ui] object RunPages {
  private val Path = "firesteel"
  private val Name = "Firesteel"

  def attach(ui: TabUi, store: TabView): Unit = ui.attach(
    Path,
    Name,
    Seq(
      PageContent("", "Training runs", list(store, _)),
      PageContent("run", "Training run", one(store, _))
    )
  )

  private def list(store: TabView, request: PageRequest): Seq[Node] = {
    val runs = store.all(classOf[RunView]).sortBy(_.number)
    val going = request.live && runs.exists(_.progress.going)
    PageParts.whole(request, PageParts.data(going, None))(
      <div data-part="runs">
        {leftOut(store)}
        {if (runs.isEmpty) <p>No run has begun in this application.</p> else table(runs)}
      </div>
    )
  }

  private def one(store: TabView, request: PageRequest): Seq[Node] =
    store.all(classOf[RunView]).find(run => request.id.contains(run.number.toString)) match {
      case None =>
        PageParts.whole(request, PageParts.data(going = false, None))(
          <p>There is no such run in this application, or it is not kept any more. <a href="../">All runs</a></p>
        )
      case Some(run) =>
        PageParts.whole(request, PageParts.data(request.live && run.progress.going, Some(run)))(
          <p><a href="../">All runs</a></p> ++ <div data-part="left-out">{leftOut(store)}</div> ++ RunPage.of(run)
        )
    }

  private def leftOut(store: TabView): NodeSeq = NodeSeq.fromSeq(store.all(classOf[LeftOut]).map { events =>
    val version = if (events.version > RunEvent.Version) s", the latest of version ${events.version}" else ""
    <p class="firesteel-note" role="note">
      {
      s"${events.events} ${if (events.events == 1) "event is" else "events are"} not shown, because this version of Firesteel " +
        s"does not know their form (it knows version ${RunEvent.Version}$version): a newer Firesteel shows them."
    }
    </p>
  })

  private def table(runs: Seq[RunView]): Node =
    <table class="table table-bordered table-striped table-sm sortable firesteel-table">
      <thead>
        <tr>{
      Seq("Run", "Name", "Strategy", "Net", "Workers", "State", "Started", "Training", "Rounds", "Loss", "Accuracy")
        .map(name => <th>{name}</th>)
    }</tr>
      </thead>
      <tbody>{runs.map(row)}</tbody>
    </table>

  private def row(run: RunView): Node = {
    import run.{about, progress}
    <tr>
      <td><a href={s"run/?id=${run.number}"}>{run.number}</a></td>
      <td><a href={s"run/?id=${run.number}"}>{about.name}</a></td>
      <td>{about.strategy}</td>
      <td>{about.net}</td>
      <td class="firesteel-number">{if (about.workers > 0) about.workers.toString else ""}</td>
      <td>{PageParts.state(progress)}</td>
      <td>{Shown.date(about.began)}</td>
      <td class="firesteel-number">{Shown.duration(progress.seconds)}</td>
      <td class="firesteel-number">{Shown.rounds(run)}</td>
      <td class="firesteel-number">{Shown.number(progress.loss)}</td>
      <td class="firesteel-number">{Shown.percent(progress.accuracy)}</td>
    </tr>
  }
}
