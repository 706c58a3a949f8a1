// One line and a status for every failure.
package io.firesteel.driver.console

import io.firesteel.FiresteelException
import io.firesteel.jni.{Kind, NativeException}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{FileNotFoundException, IOException}

class FailureTest extends AnyFunSuite {

  test("the whole chain of causes stands in one line, nothing said twice") {
    val native = new NativeException(Kind.DATA, "data_batch_3.bin: 12 bytes is not a multiple of 3073", null)
    val spark = new RuntimeException("Job aborted: Task 0 failed.\n\tat somewhere", native)
    assert(
      Failure.line(new FiresteelException(Kind.DATA, "read CIFAR", spark)) ==
        "read CIFAR: RuntimeException: job aborted: Task 0 failed: data_batch_3.bin: 12 bytes is not a multiple of 3073"
    )
    assert(Failure.line(new IOException("/tmp/x", new IOException("/tmp/x"))) == "IOException: /tmp/x")
  }

  test("a message that is a bare path is explained by its class") {
    assert(Failure.line(new FileNotFoundException("/tmp/x")) == "FileNotFoundException: /tmp/x")
    assert(Failure.line(new NullPointerException()) == "NullPointerException")
  }

  test("wrong configuration is status 2 wherever it was found, all else is status 1") {
    assert(Failure.status(new RuntimeException("task", new NativeException(Kind.CONFIG, "tau is 0", null))) == 2)
    for (kind <- Kind.values if kind != Kind.CONFIG)
      assert(Failure.status(new FiresteelException(kind, "x")) == 1, kind)
    assert(Failure.status(new RuntimeException("x")) == 1)
  }
}
