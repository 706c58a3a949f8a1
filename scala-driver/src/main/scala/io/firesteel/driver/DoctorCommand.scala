// The command `doctor`: examines driver and executors, and says what to change before a run.
package io.firesteel.driver

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.driver.console.Console
import io.firesteel.driver.options.{Command, Options}
import io.firesteel.jni.Kind
import io.firesteel.train.doctor.Doctor

object DoctorCommand {
  val command: Command = Command("doctor", "examine driver and executors, and say what to change", Options.doctor)

  /** @throws FiresteelException of kind config for a wrong request, of another kind if there are problems */
  def run(settings: ObjectNode, console: Console): Unit = {
    val asked = new ObjectMapper().readTree(settings.toString).asInstanceOf[ObjectNode]
    val json = Option(asked.remove("json")).exists(_.asBoolean)
    val found = SparkApplication.use("firesteel doctor")(Doctor.examine(_, TrainConfig.fromJson(asked.toString)))
    (if (json) found.json else found.text).linesIterator.foreach(line => console.out.println(line))
    if (!found.ok) throw new FiresteelException(Kind.INTERNAL, s"doctor: ${found.verdict}")
  }
}
