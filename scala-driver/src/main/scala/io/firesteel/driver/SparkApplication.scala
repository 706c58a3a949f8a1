// Spark as the driver uses it: its configuration before it runs, and a context that is stopped whatever happens.
// Ctrl-C or SIGTERM end the job before Spark's own shutdown begins, which would answer it with a page of stack traces.
package io.firesteel.driver

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import io.firesteel.train.SparkDefaults
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.util.ShutdownHookManager
import org.apache.spark.{SparkConf, SparkContext}

import java.util.concurrent.{CountDownLatch, TimeUnit}
import scala.util.control.NonFatal

object SparkApplication {

  /** Runs `body` with a context of the settings spark-submit was given, over those this job needs. */
  def use[A](name: String)(body: SparkContext => A): A = {
    val conf = new SparkConf().setIfMissing("spark.app.name", name)
    SparkDefaults.settings.foreach(setting => conf.setIfMissing(setting.key, setting.value))
    conf
      .setIfMissing("spark.master", "local[*]")
      .setIfMissing("spark.log.level", "WARN") // Spark's INFO is a hundred lines a round
      .set("spark.ui.showConsoleProgress", "false") // it would write over our own line
    val running = new Running(new SparkContext(conf))
    Running.current = Some(running)
    Running.hook
    try body(running.context)
    catch { case NonFatal(_) if running.interrupted => throw new FiresteelException(Kind.CANCELLED, "interrupted") }
    finally {
      Running.current = None
      running.context.stop()
      running.over.countDown()
    }
  }

  /** Hadoop's configuration as the context will have it, for what is checked before Spark starts. */
  def hadoop: Configuration = {
    val conf = new Configuration()
    for ((key, value) <- new SparkConf().getAllWithPrefix("spark.hadoop.")) conf.set(key, value)
    conf
  }

  private final class Running(val context: SparkContext) {
    val over = new CountDownLatch(1)
    @volatile var interrupted = false

    /** Ends the jobs, and gives the thread that waits for them time to say so and to close its files. */
    def interrupt(): Unit = {
      interrupted = true
      val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Running.PatienceSeconds)
      do cancel() // again and again: the thread may have been between two jobs
      while (!over.await(1, TimeUnit.SECONDS) && System.nanoTime() < deadline)
    }

    /** The thread may be stopping the context already, which takes seconds on a busy machine. */
    private def cancel(): Unit =
      try if (!context.isStopped) context.cancelAllJobs()
      catch { case _: IllegalStateException if context.isStopped => }
  }

  private object Running {
    val PatienceSeconds = 20L // a minibatch of a large net may have to end first
    private val BeforeSpark = 100 // Spark's hooks have priority 40, and higher ones run first

    @volatile var current: Option[Running] = None

    /** Registered once in a process. */
    lazy val hook: Unit = ShutdownHookManager
      .get()
      .addShutdownHook(() => current.foreach(_.interrupt()), BeforeSpark, PatienceSeconds + 5, TimeUnit.SECONDS)
  }
}
