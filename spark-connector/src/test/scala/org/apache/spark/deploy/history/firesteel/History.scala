// A History Server in the tests' process, with a disk store as large ones have it. Spark shows it to its own packages only.
package org.apache.spark.deploy.history.firesteel

import java.nio.file.Path
import org.apache.spark.SparkConf
import org.apache.spark.deploy.history.{FsHistoryProvider, HistoryServer}

object History {

  /** Runs `body` with the address of a server that reads the event logs in `logs`.
    *
    * @param store an empty directory
    */
  def using[A](logs: Path, store: Path)(body: String => A): A = {
    val conf = new SparkConf()
      .set("spark.history.fs.logDirectory", logs.toUri.toString)
      .set("spark.history.store.path", store.toString)
    val provider = new FsHistoryProvider(conf)
    val server = new HistoryServer(conf, provider, HistoryServer.createSecurityManager(conf), 0)
    server.bind()
    try {
      provider.checkForLogs()
      body(s"http://127.0.0.1:${server.boundPort}")
    } finally server.stop()
  }
}
