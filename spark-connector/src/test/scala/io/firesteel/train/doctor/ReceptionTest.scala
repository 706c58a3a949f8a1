// The way from an executor to the driver, on loopback.
package io.firesteel.train.doctor

import java.io.IOException
import java.net.{InetSocketAddress, Socket}
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class ReceptionTest extends AnyFunSuite {
  private val anyPort = new InetSocketAddress("127.0.0.1", 0)

  test("a visitor learns the time of a round trip, the driver's clock and the speed") {
    Using.resource(new Reception(anyPort, "127.0.0.1")) { reception =>
      val reached = Reception.visit(reception.address)
      assert(reached.roundTrip > 0 && math.abs(reached.clock) <= reached.roundTrip + 1 && reached.bytesPerSecond > 0)
      assert(!reception.address.toString.contains(reception.address.token.mkString))
    }
  }

  test("who does not know the token gets no answer, and others still do") {
    Using.resource(new Reception(anyPort, "127.0.0.1")) { reception =>
      val own = reception.address
      intercept[IOException](
        Reception.visit(new ReceptionAddress(own.host, own.port, new Array[Byte](Reception.Token)))
      )
      Using.resource(new Socket("127.0.0.1", own.port))(_.getOutputStream.write(1)) // one that goes away in the middle
      assert(Reception.visit(own).bytesPerSecond > 0)
    }
  }

  test("after it is closed nobody is received, and an address of another machine cannot be listened on") {
    val reception = new Reception(anyPort, "127.0.0.1")
    reception.close()
    intercept[IOException](Reception.visit(reception.address))
    intercept[IOException](new Reception(new InetSocketAddress("192.0.2.1", 0), "192.0.2.1"))
  }
}
