// Claims of directories: one run at a time; others learn which; a claim is taken over only if its run is dead.
package io.firesteel.files

import io.firesteel.FiresteelException
import io.firesteel.TestSpark.{directory => scratch}
import io.firesteel.files.Directories.{claim, claimTogether, names, purpose}
import io.firesteel.jni.Kind
import java.nio.file.attribute.FileTime
import java.nio.file.{Files, Path}
import java.time.Instant
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._
import scala.util.Using

class RunClaimTest extends AnyFunSuite {
  private val elsewhere = Holder.self().copy(id = "other", host = "node7", machine = "another boot", pid = 42)

  private def refusal(dir: Path): FiresteelException = intercept[FiresteelException](claim(dir))

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
        assert(refused.forall(_.getMessage.contains(s"directory of a test $out is held by ")))
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
            s"directory of a test \\Q$dir\\E is held by the run of process $process on \\S+, " +
              "Spark application app-20260102-0001, begun 20\\S+Z: wait for its end or choose another"
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
      val held = RunClaim.take(storage, purpose, elsewhere)
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
      val successor = RunClaim.take(new LocalStorage(dir), purpose, elsewhere)
      left(dir, 2, elsewhere.json, age = 0)
      val e = intercept[FiresteelException](suspended.write("config.json", Array.emptyByteArray))
      assert(e.kind == Kind.IO && e.getMessage.contains("taken over by the run of process 42 on node7"))
      suspended.close()
      assert(names(dir) == Set(".firesteel.claim.2"))
      successor.release()
    }
  }

  /** A directory that is held by a run of another machine, which goes by `clock`. */
  private def heldBy(storage: Storage, clock: () => RunClaim.Moment): (Directory, RunClaim) = {
    val claim = RunClaim.take(storage, purpose, elsewhere.copy(id = "first", pid = 7), clock = clock)
    (new Directory(storage, Some(claim), passing = false), claim)
  }

  /** The claim of another run, which takes over because the first one was not renewed for the lease. */
  private def takeOver(dir: Path): RunClaim = {
    left(dir, 1, Files.readAllBytes(dir.resolve(".firesteel.claim.1")), age = 2 * RunClaim.LeaseSeconds)
    RunClaim.take(new LocalStorage(dir), purpose, elsewhere)
  }

  test("a run that was suspended until its directory was taken over appends no line any more") {
    val asleep = TimeUnit.SECONDS.toNanos(RunClaim.LeaseSeconds)
    val gaps =
      Seq( // of a process that was stopped, and of a machine that slept, where the monotonic clock stands still
        RunClaim.Moment(asleep, 0),
        RunClaim.Moment(0, TimeUnit.NANOSECONDS.toMillis(asleep))
      )
    for (gap <- gaps) scratch { dir =>
      var now = RunClaim.Moment(0, 0)
      val (suspended, _) = heldBy(new LocalStorage(dir), () => now)
      val lines = suspended.lines("metrics.jsonl")
      lines.write("mine\n".getBytes)
      val successor = takeOver(dir)
      now = gap
      for (_ <- 1 to 2) {
        val e = intercept[FiresteelException](lines.write("late\n".getBytes))
        assert(e.kind == Kind.IO && e.getMessage.contains("taken over by the run of process 42 on node7"))
      }
      intercept[FiresteelException](suspended.lines("metrics.jsonl"))
      lines.close()
      suspended.close()
      assert(Files.readString(dir.resolve("metrics.jsonl")) == "mine\n")
      assert(names(dir) == Set("metrics.jsonl", ".firesteel.claim.2"))
      successor.release()
    }
  }

  test("once a renewal or a milestone has shown that the directory was taken over, no line is appended") {
    type Notice = (RunClaim, LineWriter) => Unit
    for (notice <- Seq[Notice]((claim, _) => claim.renew(), (_, lines) => lines.flush())) scratch { dir =>
      val (suspended, claim) = heldBy(new LocalStorage(dir), () => RunClaim.Moment(0, 0))
      val lines = suspended.lines("metrics.jsonl")
      val successor = takeOver(dir)
      assert(intercept[FiresteelException](notice(claim, lines)).getMessage.contains("process 42 on node7"))
      assert(intercept[FiresteelException](lines.write(Array(1))).getMessage.contains("process 42 on node7"))
      lines.close()
      suspended.close()
      assert(Files.size(dir.resolve("metrics.jsonl")) == 0)
      successor.release()
    }
  }

  test("lines ask the file system for the claim only when its renewals are overdue, and then renew it") {
    scratch { dir =>
      var (now, listings) = (RunClaim.Moment(0, 0), 0)
      val counting = new LocalStorage(dir) {
        override def names: Seq[String] = {
          listings += 1
          super.names
        }
      }
      val (run, _) = heldBy(counting, () => now)
      val lines = run.lines("metrics.jsonl")
      val before = listings
      for (second <- 0L until RunClaim.LeaseSeconds) {
        now = RunClaim.Moment(TimeUnit.SECONDS.toNanos(second), 0)
        (1 to 10).foreach(_ => lines.write("x\n".getBytes))
      }
      assert(listings == before + 1)
      left(dir, 1, Files.readAllBytes(dir.resolve(".firesteel.claim.1")), age = 1000)
      now = RunClaim.Moment(TimeUnit.SECONDS.toNanos(2 * RunClaim.LeaseSeconds), 0)
      lines.write("x\n".getBytes)
      val renewed = Files.getLastModifiedTime(dir.resolve(".firesteel.claim.1")).toInstant
      assert(renewed.isAfter(Instant.now().minusSeconds(500)))
      lines.close()
      run.close()
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
      val e = intercept[FiresteelException](RunClaim.take(late, purpose))
      assert(e.getMessage.contains("process 42 on node7") && names(dir) == Set(".firesteel.claim.2"))
    }
  }

  test("an earlier attempt of the same submission is waited for as long as it may live, and no other run is") {
    val attempt = elsewhere.copy(submission = Some("s"))
    def taken(dir: Path, submission: String, age: Int => Long): (Int, Either[String, RunClaim]) = {
      left(dir, 1, attempt.json, age(0))
      var pauses = 0
      def pause(seconds: Long): Unit = {
        assert(seconds == 1)
        pauses += 1
        left(dir, 1, attempt.json, age(pauses))
      }
      val claim =
        try Right(RunClaim.take(new LocalStorage(dir), purpose, Holder.self(Some(submission)), pause))
        catch { case e: FiresteelException => Left(e.getMessage) }
      (pauses, claim)
    }
    scratch { dir =>
      val (pauses, dead) = taken(dir, "s", age => RunClaim.LeaseSeconds - 3 + age)
      assert(pauses == 3 && names(dir) == Set(".firesteel.claim.2"))
      dead.foreach(_.release())
      val (patience, alive) = taken(dir, "s", _ => 0)
      assert(patience == RunClaim.LeaseSeconds + 20 && alive.left.exists(_.contains("process 42 on node7")))
      val (none, other) = taken(dir, "another", _ => 0)
      assert(none == 0 && other.left.exists(_.contains("wait for its end or choose another")))
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
