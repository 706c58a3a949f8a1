// A program that loads the library and prints the result; tests run it as a process with other settings. With an argument
// it also opens a worker on that device, and prints the worker's device.
package io.firesteel.jni

object LoaderProbe extends App {
  private def worker(device: String): String = {
    val config = Engine.resolve(
      s"""{"config":{"device":"$device","batch":1,"iterations":1,"workers":1},"facts":{"rows":1,"classes":10}}"""
    )
    val worker = Worker.open(s"""{"config":$config,"worker":0,"rows":1,"record":{"format":"cifar10"}}""")
    try worker.device()
    finally worker.close()
  }

  try {
    println(Engine.version())
    args.headOption.foreach(device => println(worker(device)))
  } catch {
    case e: NativeException => println(s"${e.kind.code} | ${e.getMessage} | cause ${e.getCause != null}")
  }
}
