// Starts Spark with the settings that training needs, and stops it in any case. On Ctrl-C or SIGTERM the job is
// cancelled before Spark's own shutdown begins, during which a running job would print a page of stack traces.
package io.firesteel.driver

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import io.firesteel.train.SparkDefaults
import io.firesteel.ui.FiresteelPlugin
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.util.ShutdownHookManager
import org.apache.spark.{SparkConf, SparkContext}

import java.util.concurrent.{CountDownLatch, TimeUnit}
import scala.util.control.NonFatal

object SparkApplication {

  /** Runs `body` with a context. What was given to spark-submit has precedence over the settings that training needs.
    */
  def use[A](name: String)(body: SparkContext => A): A = {
    val conf = new SparkConf().setIfMissing("spark.app.name", name)
    SparkDefaults.settings.foreach(setting => conf.setIfMissing(setting.key, setting.value))
    conf
      .setIfMissing("spark.master", "local[*]")
      .setIfMissing("spark.log.level", "WARN") // INFO would log a hundred lines in each round
      .set("spark.ui.showConsoleProgress", "false") // it would overwrite the driver's own progress line
    val running = new Running(new SparkContext(FiresteelPlugin.addTo(conf)))
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

  /** Hadoop's configuration as the context will have it, to be used before Spark starts. */
  def hadoop: Configuration = {
    val conf = new Configuration()
    for ((key, value) <- new SparkConf().getAllWithPrefix("spark.hadoop.")) conf.set(key, value)
    conf
  }

  private final class Running(val context: SparkContext) {
    val over = new CountDownLatch(1)
    @volatile var interrupted = false

    /** Cancels the jobs, and waits until the thread that runs them has reported it and closed its files. */
    def interrupt(): Unit = {
      interrupted = true
      val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Running.PatienceSeconds)
      do cancel() // repeatedly, since the thread may be between two jobs
      while (!over.await(1, TimeUnit.SECONDS) && System.nanoTime() < deadline)
    }

    /** The other thread may be stopping the context, which can take seconds. */
    private def cancel(): Unit =
      try if (!context.isStopped) context.cancelAllJobs()
      catch { case _: IllegalStateException if context.isStopped => }
  }

  private object Running {
    val PatienceSeconds = 20L // a call in flight ends after its minibatch, which may be long
    private val BeforeSpark = 100 // Spark's hooks have priority 40, and higher ones run first

    @volatile var current: Option[Running] = None

    /** Registered once in a process. */
    lazy val hook: Unit = ShutdownHookManager
      .get()
      .addShutdownHook(() => current.foreach(_.interrupt()), BeforeSpark, PatienceSeconds + 5, TimeUnit.SECONDS)
  }
}
