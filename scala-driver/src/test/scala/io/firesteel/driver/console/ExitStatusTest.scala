// The exit status tells a wrong request from a failed run.
package io.firesteel.driver.console

import io.firesteel.FiresteelException
import io.firesteel.jni.{Kind, NativeException}
import org.scalatest.funsuite.AnyFunSuite

class ExitStatusTest extends AnyFunSuite {
  test("wrong configuration is status 2 wherever it was found, all else is status 1") {
    assert(ExitStatus.of(new RuntimeException("task", new NativeException(Kind.CONFIG, "tau is 0", null))) == 2)
    for (kind <- Kind.values if kind != Kind.CONFIG)
      assert(ExitStatus.of(new FiresteelException(kind, "x")) == 1, kind)
    assert(ExitStatus.of(new RuntimeException("x")) == 1)
  }
}
