// libtorch from a jar, by small files in its place: what lies where afterwards, and what a user reads where none can.
package io.firesteel.jni

import io.firesteel.TestSpark
import java.io.{ByteArrayInputStream, IOException, InputStream}
import java.nio.channels.FileChannel
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path, StandardOpenOption}
import java.security.MessageDigest
import java.util.HexFormat
import java.util.concurrent.atomic.AtomicInteger
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._
import scala.sys.process.Process

/** A jar's resources; `opened` counts those that are no list. */
private[jni] class FakeJar(files: Map[String, Array[Byte]], listed: Map[String, Array[Byte]]) {
  val opened = new AtomicInteger
  private val folder = "native/linux-x86_64/libtorch/"

  private def digest(bytes: Array[Byte]) =
    HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))

  def open(name: String): InputStream = {
    val list = listed.toSeq.sortBy(_._1).map { case (file, bytes) => s"${digest(bytes)}  $file\n" }.mkString
    if (name == folder + "SHA256SUMS") return new ByteArrayInputStream(list.getBytes(UTF_8))
    opened.incrementAndGet()
    files.get(name.stripPrefix(folder)).map(new ByteArrayInputStream(_)).orNull
  }

  def unpacked(places: Path*): Path = PackedLibtorch.in(open(_)).get.unpacked(places.asJava)
}

private[jni] object FakeJar {
  val content: Map[String, Array[Byte]] =
    Map("libc10.so" -> Array.tabulate(100000)(_.toByte), "libtorch_cpu.so" -> "two".getBytes(UTF_8))

  def whole: FakeJar = new FakeJar(content, content)
}

/** A program that unpacks the fake jar below its argument, and prints how many files it unpacked. */
private[jni] object PackedLibtorchProbe extends App {
  private val jar = FakeJar.whole
  jar.unpacked(Path.of(args(0)))
  println(jar.opened.get)
}

class PackedLibtorchTest extends AnyFunSuite {
  import FakeJar.{content, whole}

  private def names(directory: Path): Set[String] = {
    val files = Files.list(directory)
    try files.iterator.asScala.map(_.getFileName.toString).toSet
    finally files.close()
  }

  private def holds(directory: Path): Boolean =
    names(directory) == content.keySet &&
      content.forall { case (name, bytes) => Files.readAllBytes(directory.resolve(name)).sameElements(bytes) }

  private def mode(path: Path): String = PosixFilePermissions.toString(Files.getPosixFilePermissions(path))

  private def refusal(jar: FakeJar, places: Path*): String = {
    val e = intercept[NativeException](jar.unpacked(places: _*))
    assert(e.kind == Kind.LIBRARY)
    e.getMessage
  }

  test("a class path without libtorch has none") {
    assert(PackedLibtorch.in(_ => null).isEmpty)
  }

  test("the files are unpacked once, for their owner alone, below a directory that is made") {
    TestSpark.directory { home =>
      val place = home.resolve("a/cache")
      val jar = whole
      val first = jar.unpacked(place)
      assert(holds(first) && first.getParent == place.toRealPath())
      assert(mode(place) == "rwx------" && mode(first) == "rwx------")
      assert(names(place) == Set(".unpacking.lock", first.getFileName.toString))
      assert(jar.unpacked(place) == first && jar.opened.get == 2)
    }
  }

  test("other contents have another directory") {
    TestSpark.directory { place =>
      val other = content + ("libc10.so" -> Array.emptyByteArray)
      assert(whole.unpacked(place) != new FakeJar(other, other).unpacked(place))
    }
  }

  test("a file that was removed is unpacked again") {
    TestSpark.directory { place =>
      val directory = whole.unpacked(place)
      Files.delete(directory.resolve("libc10.so"))
      assert(whole.unpacked(place) == directory && holds(directory))
    }
  }

  test("what a killed process left is removed by the next") {
    TestSpark.directory { place =>
      val left = Files.createDirectory(place.resolve(".unpacking-123"))
      Files.writeString(left.resolve("libtorch_cpu.so"), "half")
      val directory = whole.unpacked(place)
      assert(names(place) == Set(".unpacking.lock", directory.getFileName.toString))
    }
  }

  test("threads and processes that want it at once unpack it once") {
    TestSpark.directory { place =>
      val command = Seq(s"${sys.props("java.home")}/bin/java", "-cp", sys.props("java.class.path"))
      val processes = Seq.fill(2) {
        val out = new StringBuilder
        val run = Process((command :+ "io.firesteel.jni.PackedLibtorchProbe") :+ place.toString)
        (run.run(scala.sys.process.ProcessLogger(line => out.append(line), _ => ())), out)
      }
      val jar = whole
      val threads = Seq.fill(4)(new Thread(() => jar.unpacked(place)))
      threads.foreach(_.start())
      threads.foreach(_.join())
      assert(processes.forall(_._1.exitValue() == 0))
      assert(jar.opened.get + processes.map(_._2.toString.trim.toInt).sum == content.size)
      assert(holds(jar.unpacked(place)))
    }
  }

  test("a damaged jar is told, and leaves nothing") {
    val short = content + ("libtorch_cpu.so" -> "tw".getBytes(UTF_8))
    val unreadable = new FakeJar(content, content) {
      override def open(name: String): InputStream =
        if (name.endsWith("cpu.so")) () => throw new IOException("invalid block type") else super.open(name)
    }
    val jars = Seq(
      new FakeJar(short, content) -> "its digest is another",
      new FakeJar(content - "libtorch_cpu.so", content) -> "it is missing",
      unreadable -> "java.io.IOException: invalid block type"
    )
    for ((jar, why) <- jars) TestSpark.directory { place =>
      val file = "native/linux-x86_64/libtorch/libtorch_cpu.so"
      val said = refusal(jar, place, place.resolve("another"))
      assert(said == s"the jar's $file is damaged: $why; build or copy the jar anew")
      assert(names(place) == Set(".unpacking.lock"))
    }
  }

  test("where a place cannot be used the next one is, and where none can, all are told with the remedy") {
    TestSpark.directory { home =>
      val file = Files.writeString(home.resolve("file"), "")
      val good = home.resolve("good")
      assert(whole.unpacked(file, good).startsWith(good.toRealPath()))
      val said = refusal(whole, file, file.resolve("below"))
      assert(said.startsWith(s"unpack the jar's libtorch: $file: ") && said.contains(s"; $file/below: "), said)
      assert(said.contains("; set FIRESTEEL_CACHE to a directory with 460 MB left"), said)
    }
  }

  test("a place of another user, and one that everybody may write to, are refused") {
    TestSpark.directory { home =>
      val foreign =
        if (CacheDirectory.user() != 0) Path.of("/usr")
        else Files.setAttribute(Files.createDirectory(home.resolve("foreign")), "unix:uid", 54321)
      assert(refusal(whole, foreign).contains(s"$foreign belongs to user "))
      val link = Files.createSymbolicLink(home.resolve("link"), foreign)
      assert(refusal(whole, link).contains(s"$foreign belongs to user "), "nor behind a link")
      val open = Files.createDirectory(home.resolve("open"))
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"))
      assert(refusal(whole, open).contains(s"everybody may write to $open"))
      assert(names(open).isEmpty)
    }
  }

  test("a link to a place of one's own is followed") {
    TestSpark.directory { home =>
      val real = Files.createDirectory(home.resolve("real"))
      val directory = whole.unpacked(Files.createSymbolicLink(home.resolve("link"), real))
      assert(directory.getParent == real.toRealPath() && holds(directory))
    }
  }

  test("an interrupted thread waits for nobody, and tries no other place") {
    TestSpark.directory { home =>
      val lock = home.resolve(".unpacking.lock")
      val file = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
      file.lock()
      Thread.currentThread().interrupt()
      val said =
        try refusal(whole, home, home.resolve("second"))
        finally {
          Thread.interrupted()
          file.close()
        }
      assert(said.contains(s"$home: java.io.IOException: interrupted while another process unpacks; set"), said)
      assert(names(home) == Set(".unpacking.lock"))
      assert(holds(whole.unpacked(home)), "the lock is free again")
    }
  }
}
