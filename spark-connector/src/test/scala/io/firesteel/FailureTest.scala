// One line for every failure.
package io.firesteel

import io.firesteel.jni.{Kind, NativeException}
import java.io.{FileNotFoundException, IOException}
import org.scalatest.funsuite.AnyFunSuite

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
}
