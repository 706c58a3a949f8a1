// Cancelled runs, and two at once, with executors in processes of their own.
package io.firesteel.train

import io.firesteel.TestSpark
import org.scalatest.time.SpanSugar._

class CancellationClusterTest extends CancelledRuns {
  test("the workers in executors are freed after an interruption and a cancellation") {
    TestSpark.usingCluster { sc =>
      for (config <- endless(tau = 1000000)) {
        assert(disturbed(sc, config)(_.interrupt())._2)
        disturbed(sc, config, sc.setJobGroup("mine", "a test"))(_ => sc.cancelJobGroup("mine"))
        eventually(timeout(1.minute))(assert(Executors.live(sc) == 0))
      }
    }
  }

  test("two runs at once on the same executors give the bits of each alone, and end alone") {
    TestSpark.usingCluster(twoAtOnce(_))
  }
}
