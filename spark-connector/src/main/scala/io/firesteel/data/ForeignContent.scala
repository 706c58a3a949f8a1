// Files that are not the data they are named for: a failed download, an archive, a pointer of Git LFS. The same as the
// engine's `data/foreign.rs`. They are told from their first bytes on the driver, before a size or header is believed.
package io.firesteel.data

import java.nio.charset.StandardCharsets.{ISO_8859_1, UTF_8}
import java.util.Locale

private[data] object ForeignContent {

  /** Bytes that are looked at; the mark of a tar archive ends at byte 262. */
  val HeadBytes = 512

  private val Gzip = "\u001f\u008b"

  private val Texts = Seq(
    "version https://git-lfs" -> "a pointer of Git LFS, not the file: run `git lfs pull` where it was cloned",
    "<!doctype html" -> WebPage,
    "<html" -> WebPage,
    "<head" -> WebPage,
    "<?xml" -> WebPage
  )

  private val Marks = Seq(
    Gzip -> "packed by gzip: unpack it with `gunzip`, or end the name of an idx file in .gz",
    "PK\u0003\u0004" -> "a zip archive: unpack it with `unzip` and give the directory of the files in it",
    "BZh" -> "packed by bzip2: unpack it with `bunzip2`",
    "\u00fd7zXZ" -> "packed by xz: unpack it with `unxz`",
    "\u0080\u0002}" ->
      "Python's pickle: the binary version is needed, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz"
  )

  private def WebPage = "a web page, not the file: download it again, and look at the page for why it came instead"

  /** What a file that begins with `head` is and what to do about it; none for what may be data.
    *
    * @param packed whether the file should be gzip
    */
  def of(head: Array[Byte], packed: Boolean): Option[String] = {
    val bytes = new String(head, ISO_8859_1) // a character for each byte
    val text = new String(head, UTF_8).dropWhile(c => c.isWhitespace || c == '\ufeff').toLowerCase(Locale.ROOT)
    val tar = Option.when(bytes.slice(257, 262) == "ustar") {
      "a tar archive: unpack it with `tar -xf` and give the directory of the files in it"
    }
    Texts
      .collectFirst { case (mark, what) if text.startsWith(mark) => what }
      .orElse(tar)
      .orElse(Marks.collectFirst {
        case (mark, what) if bytes.startsWith(mark) && !(packed && mark == Gzip) => what
      })
  }
}
