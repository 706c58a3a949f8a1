// The output directory of a run: no run is written over.
package io.firesteel.driver.files

import io.firesteel.FiresteelException
import io.firesteel.driver.Fixtures.{claim, names, scratch}
import io.firesteel.jni.Kind
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.Files
import scala.util.Using

class OutputDirTest extends AnyFunSuite {
  test("a directory that holds a run is refused unless it is to be resumed") {
    for (file <- Seq("metrics.jsonl", "model.safetensors", "checkpoint.safetensors")) scratch { dir =>
      Files.writeString(dir.resolve(file), "x")
      val e = intercept[FiresteelException](claim(dir))
      assert(e.kind == Kind.CONFIG && e.getMessage.contains(dir.toString) && e.getMessage.contains(file))
      assert(names(dir) == Set(file))
      Using.resource(claim(dir, resume = true))(out => assert(out.read(file).isDefined))
    }
  }
}
