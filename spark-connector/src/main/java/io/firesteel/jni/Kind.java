/*
 * The kinds of failure, for programs; people read the message. The same names as the Rust enum, held equal by a
 * test over testdata/kinds.txt.
 */
package io.firesteel.jni;

import java.util.Locale;

/** What kind of failure a {@link NativeException} is; {@link #code} is its name on both sides of the boundary. */
public enum Kind {
  /** An option or a combination of options is wrong. */
  CONFIG,
  /** The data set is not what it should be. */
  DATA,
  /** A file could not be read or written. */
  IO,
  /** A handle was used after it was closed. */
  CLOSED,
  /** The call ended because somebody cancelled it. */
  CANCELLED,
  /** A vector or a file does not have the names, shapes or length of the net. */
  LAYOUT,
  /** The native library or libtorch could not be loaded, or is the wrong one. */
  LIBRARY,
  /** The exchanger is gone, or refuses: another secret, another net, a newer attempt of the same worker. */
  EXCHANGE,
  /** The machine has less memory than was wanted. */
  MEMORY,
  /** A defect in Firesteel or libtorch; a caught panic. */
  INTERNAL;

  /** The lower-case name, as in testdata/kinds.txt. */
  public String code() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The kind of that name; INTERNAL for a name this jar does not know, so that no failure is lost. */
  public static Kind of(String code) {
    for (Kind kind : values()) {
      if (kind.code().equals(code)) {
        return kind;
      }
    }
    return INTERNAL;
  }
}
