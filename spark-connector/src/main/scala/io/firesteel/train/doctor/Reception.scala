// Whether the executors can reach the driver as they reach its exchanger, how fast, and whether their clocks agree: a
// listener on the exchanger's address, and its client. Plain TCP: what is asked of the network is the same with TLS.
package io.firesteel.train.doctor

import java.io.{DataInputStream, DataOutputStream, IOException}
import java.net.{InetAddress, InetSocketAddress, ServerSocket, Socket}
import java.security.{MessageDigest, SecureRandom}
import scala.util.Using

/** Where the driver listens; `token` tells its own executors from strangers. */
private[doctor] final class ReceptionAddress(val host: String, val port: Int, val token: Array[Byte])
    extends Serializable {
  override def toString: String = s"$host:$port"
}

/** Milliseconds of a round trip, those by which the driver's clock is ahead of this process's, and bytes a second from
  * here to the driver.
  */
private[doctor] final case class Reached(roundTrip: Double, clock: Double, bytesPerSecond: Double)

private[doctor] object Reception {
  val Token = 16 // bytes
  val Patience = 5000 // milliseconds until a connection or an answer is given up
  val Piece: Int = 1 << 16
  private val Trips = 5 // of which the shortest counts
  private val SendNanos = 1000000000L

  /** Measures from an executor, or the driver itself.
    *
    * @throws IOException if the driver cannot be reached
    */
  def visit(address: ReceptionAddress): Reached = Using.resource(new Socket) { socket =>
    socket.setTcpNoDelay(true)
    socket.connect(new InetSocketAddress(InetAddress.getByName(address.host), address.port), Patience)
    socket.setSoTimeout(Patience)
    val (in, out) = (new DataInputStream(socket.getInputStream), new DataOutputStream(socket.getOutputStream))
    out.write(address.token)
    val (shortest, clock) = Seq.fill(Trips)(trip(in, out)).minBy(_._1)
    Reached(shortest, clock, throughput(in, out))
  }

  private def trip(in: DataInputStream, out: DataOutputStream): (Double, Double) = {
    val (begin, nanos) = (System.currentTimeMillis(), System.nanoTime())
    out.writeInt(-1)
    val there = in.readLong()
    val millis = (System.nanoTime() - nanos) / 1e6
    (millis, there - (begin + millis / 2))
  }

  private def throughput(in: DataInputStream, out: DataOutputStream): Double = {
    val (piece, begin) = (new Array[Byte](Piece), System.nanoTime())
    var sent = 0L
    while (System.nanoTime() - begin < SendNanos) {
      out.writeInt(Piece)
      out.write(piece)
      sent += Piece
    }
    out.writeInt(0)
    in.readLong() // once the driver has all of it
    sent / ((System.nanoTime() - begin) / 1e9)
  }
}

/** Listens until it is closed.
  *
  * @param bind where, of which port 0 means any
  * @param host by which executors know this machine
  * @throws IOException if that address cannot be listened on
  */
private[doctor] final class Reception(bind: InetSocketAddress, host: String) extends AutoCloseable {
  import Reception._

  private val token = new Array[Byte](Token)
  new SecureRandom().nextBytes(token)
  private val server = new ServerSocket()
  server.setReuseAddress(true)
  try server.bind(bind)
  catch {
    case e: IOException =>
      server.close()
      throw e
  }
  start("firesteel-doctor")(accept())

  val address = new ReceptionAddress(host, server.getLocalPort, token)

  override def close(): Unit = server.close()

  private def start(name: String)(body: => Unit): Unit = {
    val thread = new Thread(() => body, name)
    thread.setDaemon(true)
    thread.start()
  }

  private def accept(): Unit =
    try
      while (true) {
        val socket = server.accept()
        start("firesteel-doctor-visit")(Using.resource(socket)(serve))
      }
    catch { case _: IOException if server.isClosed => }

  /** What breaks a connection is the visitor's to report. */
  private def serve(socket: Socket): Unit =
    try {
      socket.setTcpNoDelay(true)
      socket.setSoTimeout(Patience)
      val (in, out) = (new DataInputStream(socket.getInputStream), new DataOutputStream(socket.getOutputStream))
      if (MessageDigest.isEqual(in.readNBytes(Token), token)) answer(in, out)
    } catch { case _: IOException => }

  private def answer(in: DataInputStream, out: DataOutputStream): Unit = {
    val piece = new Array[Byte](Piece)
    var asked = in.readInt()
    while (asked != 0) {
      if (asked < 0) out.writeLong(System.currentTimeMillis()) else in.readFully(piece, 0, math.min(asked, Piece))
      asked = in.readInt()
    }
    out.writeLong(0)
  }
}
