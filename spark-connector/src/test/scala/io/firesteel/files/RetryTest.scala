// What is tried again while a file system is away, and for how long.
package io.firesteel.files

import java.io.{FileNotFoundException, IOException}
import java.net.ConnectException
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite

class RetryTest extends AnyFunSuite {
  test("a failure that waiting does not mend is told at once, and one that lasts after the patience") {
    var (now, tries) = (0L, 0)
    val retry = new Retry(120, () => now, millis => now += TimeUnit.MILLISECONDS.toNanos(millis))
    def failing(e: IOException): Unit = retry {
      tries += 1
      throw e
    }
    intercept[FileNotFoundException](failing(new FileNotFoundException("x")))
    assert(tries == 1 && now == 0)
    intercept[ConnectException](failing(new ConnectException("refused")))
    assert(now >= TimeUnit.SECONDS.toNanos(120) && now < TimeUnit.SECONDS.toNanos(126) && tries > 20)
  }
}
