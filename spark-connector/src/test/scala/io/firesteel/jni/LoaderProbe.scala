// A program that loads the library and prints how it went; tests run it in a process with other settings.
package io.firesteel.jni

object LoaderProbe extends App {
  try println(Engine.version())
  catch {
    case e: NativeException => println(s"${e.kind.code} | ${e.getMessage} | cause ${e.getCause != null}")
  }
}
