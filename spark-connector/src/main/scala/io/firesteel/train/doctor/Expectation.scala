// What to expect of a processor, to hold a measurement against.
package io.firesteel.train.doctor

private[doctor] object Expectation {

  /** The net, and the images of a minibatch, for which there are figures. */
  val Net = "cifar10_quick"
  val Batch = 100

  /** Images a second that one worker of one thread trains on, by libtorch's instruction set and the precision: half of what
    * two workers beside each other have at least on an EPYC with two cores (benchmarks/README.md), 2,600 to 3,100 in f32 and
    * 4,800 to 5,700 in bf16. None where nothing was measured.
    */
  def trained(instructionSet: String, precision: String): Option[Double] = (instructionSet, precision) match {
    case ("AVX512", "bf16") => Some(2400)
    case ("AVX512", "f32")  => Some(1300)
    case _                  => None
  }

  /** JPEG files of 256 x 256 pixels a second on one core: 1,800 on a Xeon 6. */
  val Decoded = 1500.0

  /** A measurement below this part of what is expected is worth a note: a busy neighbour costs half a core. */
  val Least = 0.5
}
