// Refuses file names that this JVM cannot express. Java 17 converts file names and arguments by the charset of the locale,
// and replaces a character that the charset lacks by `?` without an error: another file would be read or written.
package io.firesteel.files

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.nio.charset.Charset
import java.nio.charset.StandardCharsets.UTF_8

private[firesteel] object FileNames {

  /** The charset of file names and of the command line, by the system property that the JDK sets itself. */
  val charset: Charset = Charset.forName(sys.props("sun.jnu.encoding"))

  private val Remedy = "start Java in a UTF-8 locale: set LC_ALL=C.UTF-8"

  /** Refuses a path on this machine's disk whose characters `charset` lacks.
    *
    * @throws FiresteelException kind config
    */
  def check(path: String, charset: Charset = charset): Unit =
    if (!charset.newEncoder().canEncode(path))
      throw new FiresteelException(
        Kind.CONFIG,
        s"$path: Java takes file names for $charset here, which lacks a character of this one: $Remedy"
      )

  /** Refuses `text`, an argument of the command line or the like, that may have lost characters before it was read. In
    * UTF-8 what was no text became U+FFFD; in other charsets `?` stands for what they lack, and nobody can tell it from one
    * that was typed.
    *
    * @param what names the text in messages
    * @throws FiresteelException kind config
    */
  def checkRead(what: String, text: String, charset: Charset = charset): Unit = {
    def refuse(why: String) = throw new FiresteelException(Kind.CONFIG, s"$what '$text': $why")
    val lost = text.contains('\ufffd')
    if (charset != UTF_8 && (lost || text.contains('?')))
      refuse(s"Java reads it as $charset here, and ? may stand for another character: $Remedy")
    if (lost) refuse("it is not UTF-8: rename the file")
  }
}
