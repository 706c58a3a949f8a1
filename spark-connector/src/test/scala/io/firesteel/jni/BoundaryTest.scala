// The JNI boundary as Java uses it: closed handles, bad buffers and vectors, panics, leaks.
package io.firesteel.jni

import io.firesteel.TestSpark
import io.firesteel.tensors.PackedVector
import java.lang.reflect.{InvocationTargetException, Modifier}
import java.nio.file.Files
import java.nio.{ByteBuffer, ByteOrder}
import java.util.concurrent.{CompletableFuture, Executors, TimeUnit}
import org.scalatest.funsuite.AnyFunSuite
import scala.concurrent.duration.Duration
import scala.concurrent.{Await, ExecutionContext, Future}
import scala.jdk.CollectionConverters._

class BoundaryTest extends AnyFunSuite {
  private val rows = 40
  private lazy val config = Engine.resolve(
    s"""{"config":{"batch":20,"iterations":1000000,"workers":1},"facts":{"rows":$rows,"classes":10}}"""
  )
  private lazy val description = Engine.describe(config)
  private def field(name: String): String = s""""$name":"?([^",}]*)""".r.findFirstMatchIn(description).get.group(1)
  private lazy val digest = field("digest")
  private lazy val initial = PackedVector(Engine.initialWeights(config)).bytes

  private def spec(rows: String = "40") =
    s"""{"config":$config,"worker":0,"rows":$rows,"record":{"format":"cifar10"}}"""

  private def round(steps: Long, digest: String = digest) =
    s"""{"digest":"$digest","round":0,"first-step":0,"policy-step":0,"steps":$steps,"state":"keep"}"""

  private def records(order: ByteOrder = ByteOrder.LITTLE_ENDIAN, direct: Boolean = true): ByteBuffer = {
    val bytes = Array.tabulate(rows * 3073)(i => if (i % 3073 == 0) (i / 3073 % 10).toByte else (i * 7).toByte)
    val buffer = if (direct) ByteBuffer.allocateDirect(bytes.length) else ByteBuffer.allocate(bytes.length)
    buffer.put(bytes).flip().order(order)
  }

  private def withWorker[A](body: Worker => A): A = {
    val worker = Worker.open(spec())
    try {
      worker.append(records(), rows)
      worker.prepare(Engine.normalizer(config, worker.statistics()))
      body(worker)
    } finally worker.close()
  }

  private lazy val stage = Engine.resolve(
    s"""{"config":{"strategy":"deepspark","batch":20,"iterations":7,"tau":2,"workers":1,"exchange-deadline":2},
       |"facts":{"rows":$rows,"classes":10}}""".stripMargin
  )

  private def openExchanger() = Exchanger.open(stage, PackedVector(Engine.initialWeights(stage)).bytes, Array.empty)

  private def request(exchanger: Exchanger, attempt: Int = 0) =
    s"""{"client":${exchanger.client()},"worker":0,"attempt":$attempt}"""

  private def kindOf(body: => Any): Kind = intercept[NativeException](body).kind

  test("every native method links, and those of a handle refuse one that is not open") {
    Engine.version()
    for (method <- classOf[Native].getDeclaredMethods if Modifier.isNative(method.getModifiers)) {
      method.setAccessible(true)
      val arguments = method.getParameterTypes.map {
        case java.lang.Long.TYPE           => Long.box(0)
        case java.lang.Integer.TYPE        => Int.box(0)
        case t if t == classOf[String]     => round(1)
        case t if t == classOf[ByteBuffer] => records()
        case t                             => java.lang.reflect.Array.newInstance(t.getComponentType, 3072 + 3)
      }
      val onHandle = method.getParameterTypes.headOption.contains(java.lang.Long.TYPE)
      try {
        method.invoke(null, arguments: _*)
        assert(!onHandle, method)
      } catch {
        case e: InvocationTargetException =>
          e.getCause match {
            case native: NativeException => if (onHandle) assert(native.kind == Kind.CLOSED, method)
            case other                   => fail(s"$method: $other")
          }
      }
    }
  }

  test("kinds are the same in both languages") {
    val names = Files.readAllLines(TestSpark.root.resolve("testdata/kinds.txt")).asScala.toSeq
    assert(Kind.values.toSeq.map(_.code) == names)
    assert(names.map(Kind.of) == Kind.values.toSeq)
  }

  test("a panic, or a failure of libtorch, becomes one line of kind internal") {
    val small = config.dropRight(1) + ""","resize":1}""" // which `resolve` would have refused
    val worker = Worker.open(spec().replace(config, small))
    try {
      worker.append(records(), rows)
      worker.prepare(Engine.normalizer(config, worker.statistics()))
      val e = intercept[NativeException](worker.round(Array(initial), round(1), Array(initial.clone())))
      assert(e.kind == Kind.INTERNAL && e.getMessage.contains("cannot be multiplied"), e)
      assert(e.getMessage.linesIterator.size == 1 && e.getMessage.length < 200, e)
      assert(intercept[NativeException](worker.statistics()).getMessage.contains("must be built again"))
    } finally worker.close()
  }

  test("more memory than any machine has is an error of kind memory") {
    for (rows <- Seq("1099511627776", "9223372036854775808", "6004799503160662")) { // the last would overflow to a few bytes
      val e = intercept[NativeException](Worker.open(spec(rows)))
      assert(e.kind == Kind.MEMORY && e.getMessage.contains("raise workers"), e)
    }
  }

  test("use after close is refused before it reaches the library, and close may be repeated") {
    val worker = Worker.open(spec())
    worker.close()
    worker.close()
    worker.cancel()
    assert(intercept[IllegalStateException](worker.statistics()).getMessage == "worker is closed")
    intercept[IllegalStateException](worker.round(Array(initial), round(1), Array(initial.clone())))
    intercept[IllegalStateException](worker.keep("run", 0))
    val exchanger = openExchanger()
    val link = Link.open(request(exchanger))
    link.close()
    link.close()
    link.cancel()
    exchanger.close()
    exchanger.close()
    withWorker(worker => intercept[IllegalStateException](link.turn(worker)))
    intercept[IllegalStateException](exchanger.report())
  }

  test("a thousand openings leave no object behind") {
    val before = Engine.live()
    for (_ <- 1 to 1000)
      Worker.open(spec(rows = "0")).close()
    for (_ <- 1 to 50) { // each has a socket and a thread
      val exchanger = openExchanger()
      Link.open(request(exchanger)).close()
      exchanger.close()
    }
    assert(Engine.live() == before)
  }

  test("a worker that is kept outlives its handle and ends with its run") {
    val before = Engine.live()
    withWorker(_.keep("run-1/part", 3))
    assert(Engine.live() == before + 1)
    val found = Worker.find("run-1/part", 3).get
    assert(found.statistics().head == rows)
    found.close()
    assert(Worker.find("run-1", 3).isEmpty && Worker.find("run-1/part", 4).isEmpty)
    Engine.endRun("run-1")
    assert(Worker.find("run-1/part", 3).isEmpty && Engine.live() == before)
  }

  test("close waits for the call in flight and cancel ends it") {
    implicit val threads: ExecutionContext =
      ExecutionContext.fromExecutorService(Executors.newCachedThreadPool { task =>
        val thread = new Thread(task)
        thread.setDaemon(true)
        thread
      })
    val before = Engine.live()
    withWorker { worker =>
      val caller = new CompletableFuture[Thread]
      val result = new Array[Byte](initial.length)
      val call = Future {
        caller.complete(Thread.currentThread)
        intercept[NativeException](worker.round(Array(initial), round(steps = 1000000), Array(result))).kind
      }
      def inFlight = caller.get.getStackTrace.exists(_.getMethodName == "workerRound")
      while (!inFlight && !call.isCompleted) Thread.onSpinWait()
      val closing = Future(worker.close())
      val cancelling = Future(while (!call.isCompleted) worker.cancel()) // repeated until the call is in the library
      val limit = Duration(2, TimeUnit.MINUTES)
      assert(Await.result(call, limit) == Kind.CANCELLED)
      Await.result(closing, limit)
      Await.result(cancelling, limit)
      assert(result.forall(_ == 0), "a cancelled round leaves no result")
    }
    assert(Engine.live() == before)
  }

  test("turns of a link train its worker until the budget is spent") {
    val exchanger = openExchanger()
    withWorker { worker =>
      val link = Link.open(request(exchanger))
      val turns = Iterator.continually(link.turn(worker)).takeWhile(_.contains("\"done\":false")).toSeq
      assert(turns.map("\"steps\":(\\d+)".r.findFirstMatchIn(_).get.group(1).toInt) == Seq(2, 2, 2, 1))
      link.close()
    }
    assert(!exchanger.center().sameElements(PackedVector(Engine.initialWeights(stage)).bytes))
    val snapshot = exchanger.snapshot(100000) // bytes a piece
    val center = exchanger.center()
    assert(snapshot.length > 2 && snapshot.init.forall(_.length == 100000) && snapshot.last.length <= 100000)
    assert(snapshot.toSeq.flatten == exchanger.snapshot().toSeq.flatten)
    exchanger.close()
    val restored = Exchanger.open(stage, PackedVector(Engine.initialWeights(stage)).bytes, snapshot)
    try assert(restored.center().sameElements(center))
    finally restored.close()
  }

  test(
    "an exchanger that is gone, and one that serves a newer attempt, are failures of kind exchange without the secret"
  ) {
    withWorker { worker =>
      val exchanger = openExchanger()
      val client = exchanger.client()
      val secret = "[0-9a-f]{64}".r.findFirstIn(client).get
      val old = Link.open(request(exchanger, attempt = 1))
      val link = Link.open(request(exchanger, attempt = 2))
      def refused(body: => Any): Unit = {
        val e = intercept[NativeException](body)
        assert(e.kind == Kind.EXCHANGE && !e.getMessage.contains(secret), e)
      }
      refused(old.turn(worker))
      refused(Link.open(request(exchanger, attempt = 1)))
      exchanger.close()
      refused(link.turn(worker))
      refused(Link.open(s"""{"client":$client,"worker":0,"attempt":3}"""))
      Seq(old, link).foreach(_.close())
    }
  }

  test("a wrong digest, a short vector and a short buffer are refused") {
    withWorker { worker =>
      def refused(from: Seq[Array[Byte]], wanted: Seq[Array[Byte]], request: String = round(1)): Unit =
        assert(kindOf(worker.round(from.toArray, request, wanted.toArray)) == Kind.LAYOUT)
      val (result, short) = (new Array[Byte](initial.length), initial.dropRight(4))
      refused(Seq(initial), Seq(result), round(1, digest = "00"))
      refused(Seq(short), Seq(result))
      refused(Seq(initial), Seq(short.clone()))
      refused(Seq(initial.dropRight(1)), Seq(result))
      refused(Seq(initial, new Array(4)), Seq(result))
      refused(Seq.empty, Seq(result))
      assert(result.forall(_ == 0))
      assert(kindOf(worker.evaluate(initial, "00")) == Kind.LAYOUT)
      assert(kindOf(worker.evaluateClasses(initial, "00")) == Kind.LAYOUT)
      assert(kindOf(worker.evaluateClasses(short, digest)) == Kind.LAYOUT)
      assert(kindOf(worker.append(records(), rows + 1)) == Kind.LAYOUT)
    }
  }

  test("a mean of vectors of different lengths, of other numbers of samples, or of no samples is refused") {
    val (one, two) = (PackedVector(Array(1f)).bytes, PackedVector(Array(1f, 2f)).bytes)
    assert(Engine.average(Array(two, two), Array(0, 3)).sameElements(two))
    for (
      (vectors, samples) <- Seq(
        (Array(two, one), Array(1L, 1L)),
        (Array(two), Array(1L, 1L)),
        (Array(two, two), Array(1L)),
        (Array(two, two), Array(1L, -1L)),
        (Array(two, two), Array(0L, 0L)),
        (Array.empty[Array[Byte]], Array.empty[Long]),
        (Array(two.take(3)), Array(1L))
      )
    ) assert(kindOf(Engine.average(vectors, samples)) == Kind.LAYOUT)
    assert(kindOf(Engine.average(Array(two, null), Array(1L, 1L))) == Kind.INTERNAL)
  }

  test("a heap buffer and a big-endian one are refused") {
    withWorker { worker =>
      assert(kindOf(worker.append(records(direct = false), rows)) == Kind.LAYOUT)
      assert(kindOf(worker.append(records(ByteOrder.BIG_ENDIAN), rows)) == Kind.LAYOUT)
    }
  }

  test("weights are copied in both directions without changing a bit, and other weights give other results") {
    withWorker { worker =>
      val (trained, state) =
        (new Array[Byte](initial.length), new Array[Byte](initial.length)) // of a solver with momentum
      worker.round(Array(initial), round(5), Array(trained))
      assert(!trained.sameElements(initial))
      assert(worker.evaluate(initial, digest) != worker.evaluate(trained, digest))
      assert(worker.evaluate(initial, digest) == worker.evaluate(initial.clone(), digest))
      val again = new Array[Byte](initial.length)
      worker.round(Array(initial), round(5), Array(again, state))
      assert(again.sameElements(trained) && !state.forall(_ == 0), "the state comes behind the weights")
      val (whole, cut) = (new Array[Byte](2 * initial.length), initial.splitAt(12))
      worker.round(Array(cut._1, cut._2), round(5), Array(whole))
      assert(whole.sameElements(trained ++ state), "whatever arrays the vector is divided into")
    }
  }

  test("counts by class come beside the bits of the evaluation without them") {
    withWorker { worker =>
      val counted = worker.evaluateClasses(initial, digest)
      val loss = java.lang.Double.longBitsToDouble(counted(2))
      assert(worker.evaluate(initial, digest) == s"""{"rows":$rows,"correct":${counted(1)},"loss":$loss}""")
      val cells = counted.drop(4).grouped(3).toSeq
      assert(counted(0) == rows && cells.map(_(2)).sum == rows && cells.forall(_.length == 3))
      assert(cells.collect { case Array(label, predicted, count) if label == predicted => count }.sum == counted(1))
      assert(cells.groupMapReduce(_(0))(_(2))(_ + _) == (0L until 10L).map(_ -> rows / 10L).toMap)
      assert(cells.map(cell => cell(0) * 10 + cell(1)) == cells.map(cell => cell(0) * 10 + cell(1)).sorted.distinct)
    }
  }
}
