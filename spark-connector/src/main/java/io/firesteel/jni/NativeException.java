/*
 * The exception of all native methods. Rust constructs it by its class name, with (String kind, String message).
 */
package io.firesteel.jni;

/** A failure of the native library, or of loading it. */
public final class NativeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Kind kind;

  /** Called by Rust; {@code kind} is a line of testdata/kinds.txt. */
  public NativeException(String kind, String message) {
    this(Kind.of(kind), message, null);
  }

  /** A failure found on the Java side; {@code cause} may be null. */
  public NativeException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** What kind of failure it is. */
  public Kind kind() {
    return kind;
  }
}
