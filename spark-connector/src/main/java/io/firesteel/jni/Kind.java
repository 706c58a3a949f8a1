/*
 * The kinds of failure, by which programs decide; people read the message. The names are those of the Rust enum, which
 * tests on both sides compare with testdata/kinds.txt.
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
  /** The call was cancelled. */
  CANCELLED,
  /** A vector or a file does not have the names, shapes or length of the net. */
  LAYOUT,
  /** The native library or libtorch could not be loaded, or has the wrong version. */
  LIBRARY,
  /**
   * The exchanger cannot be reached, or refuses the worker: wrong secret, another net, or a newer attempt of it exists.
   */
  EXCHANGE,
  /** The machine has too little memory. */
  MEMORY,
  /** A defect in Firesteel or libtorch, or a caught panic. */
  INTERNAL;

  /** The lower-case name, as in testdata/kinds.txt. */
  public String code() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The kind of that name; INTERNAL for a name that this jar does not know. */
  public static Kind of(String code) {
    for (Kind kind : values()) {
      if (kind.code().equals(code)) {
        return kind;
      }
    }
    return INTERNAL;
  }
}
