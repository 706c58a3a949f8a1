// Claims of output directories: one run at a time; others learn which; a claim is taken over only if its run is dead.
package io.firesteel.driver.files

import io.firesteel.FiresteelException
import io.firesteel.driver.Fixtures.{claim, claimTogether, names, scratch}
import io.firesteel.jni.Kind
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.attribute.FileTime
import java.nio.file.{Files, Path}
import java.time.Instant
import scala.jdk.CollectionConverters._
import scala.util.Using

class RunClaimTest extends AnyFunSuite {
  private val elsewhere = Holder.self().copy(id = "other", host = "node7", machine = "another boot", pid = 42)

  private def refusal(dir: Path): FiresteelException = intercept[FiresteelException](claim(dir, resume = true))

  /** A claim that a killed run has left, renewed for the last time `age` seconds ago. */
  private def left(dir: Path, number: Int, content: Array[Byte], age: Long): Path = {
    val file = Files.write(dir.resolve(s".firesteel.claim.$number"), content)
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(age)))
  }

  test("of many runs that begin at once in one directory one holds it, and the others are told which") {
    scratch { dir =>
      for (repetition <- 1 to 20) {
        val out = dir.resolve(s"$repetition")
        val (refused, held) = claimTogether(8)(claim(out))
        assert(held.size == 1 && refused.forall(_.kind == Kind.CONFIG))
        assert(refused.forall(_.getMessage.contains(s"output directory $out is held by ")))
        assert(names(out) == Set(".firesteel.claim.1"))
        held.foreach(_.close())
        assert(!Files.exists(out) || names(out).isEmpty) // whoever made it takes it away
      }
    }
  }

  test("the second run is told the holder's process, host, time and application") {
    scratch { dir =>
      Using.resource(claim(dir)) { first =>
        first.belongsTo("app-20260102-0001")
        val e = refusal(dir)
        val process = ProcessHandle.current.pid
        assert(e.kind == Kind.CONFIG)
        assert(
          e.getMessage.matches(
            s"output directory \\Q$dir\\E is held by the run of process $process on \\S+, " +
              "Spark application app-20260102-0001, begun 20\\S+Z: wait for its end or choose another --out"
          ),
          e.getMessage
        )
      }
      claim(dir).close()
      assert(names(dir).isEmpty)
    }
  }

  test("the claim of a process of this machine that is gone is taken over at once") {
    scratch { dir =>
      val process = new ProcessBuilder("true").start()
      process.waitFor()
      val dead = Holder.self().copy(pid = process.pid)
      val numberOfAnother = Holder.self().copy(begun = 1) // this process's number, of one that began earlier
      for (holder <- Seq(dead, numberOfAnother)) {
        left(dir, 3, holder.json, age = 0)
        Using.resource(claim(dir)) { _ =>
          assert(names(dir) == Set(".firesteel.claim.4"))
          assert(refusal(dir).getMessage.contains(s"process ${ProcessHandle.current.pid} "))
        }
        assert(names(dir).isEmpty)
      }
    }
  }

  test("the claim of another machine's run holds while it is renewed, and is taken over when it was not for the lease") {
    scratch { dir =>
      for (content <- Seq(elsewhere.json, Array.emptyByteArray)) { // the latter was cut off as it began
        left(dir, 1, content, age = RunClaim.LeaseSeconds - 60)
        val e = refusal(dir)
        assert(e.getMessage.contains("a claim of another machine is free after 120 s"))
        assert(content.isEmpty || e.getMessage.contains("process 42 on node7"))
        assert(names(dir) == Set(".firesteel.claim.1"))
        left(dir, 1, content, age = RunClaim.LeaseSeconds + 60)
        claim(dir).close()
        assert(names(dir).isEmpty)
      }
    }
  }

  test("renewing makes a claim young again") {
    scratch { dir =>
      val storage = new LocalStorage(dir)
      val held = RunClaim.take(storage, elsewhere)
      left(dir, 1, elsewhere.json, age = 1000)
      held.renew()
      assert(refusal(dir).getMessage.contains("process 42 on node7"))
      held.release()
      assert(names(dir).isEmpty)
    }
  }

  test("a run whose directory was taken over writes no file in it any more, and leaves its successor's claim") {
    scratch { dir =>
      val suspended = claim(dir)
      Files.delete(dir.resolve(".firesteel.claim.1"))
      val successor = RunClaim.take(new LocalStorage(dir), elsewhere)
      left(dir, 2, elsewhere.json, age = 0)
      val e = intercept[FiresteelException](suspended.write("config.json", Array.emptyByteArray))
      assert(e.kind == Kind.IO && e.getMessage.contains("taken over by the run of process 42 on node7"))
      suspended.close()
      assert(names(dir) == Set(".firesteel.claim.2"))
      successor.release()
    }
  }

  test("a claim that was made from an old listing gives way to a higher one that was made meanwhile") {
    scratch { dir =>
      val late = new LocalStorage(dir) {
        private var first = true
        override def names: Seq[String] = { // it saw an empty directory, in which two others then came and one went
          val seen = if (first) Nil else super.names
          if (first) left(dir, 2, elsewhere.json, age = 0)
          first = false
          seen
        }
      }
      val e = intercept[FiresteelException](RunClaim.take(late))
      assert(e.getMessage.contains("process 42 on node7") && names(dir) == Set(".firesteel.claim.2"))
    }
  }

  test("no thread of a claim stays when it was given back") {
    def keepers = Thread.getAllStackTraces.keySet.asScala.filter(_.getName == "firesteel-claim").toSet
    scratch { dir =>
      val before = keepers
      val held = claim(dir)
      val mine = keepers -- before
      held.close()
      held.close()
      mine.foreach(_.join())
      assert(names(dir).isEmpty)
    }
  }
}
