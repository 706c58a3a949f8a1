// A program that loads the library and prints the result; tests run it as a process with other settings.
package io.firesteel.jni

object LoaderProbe extends App {
  try println(Engine.version())
  catch {
    case e: NativeException => println(s"${e.kind.code} | ${e.getMessage} | cause ${e.getCause != null}")
  }
}
