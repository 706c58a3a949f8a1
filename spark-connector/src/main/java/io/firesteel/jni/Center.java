/*
 * The center: the weights that all workers share, and the rule that combines the workers' vectors with it after each
 * round. It is on the driver.
 */
package io.firesteel.jni;

/** A handle on a center. All methods throw {@link NativeException}, and {@link IllegalStateException} after close. */
public final class Center implements AutoCloseable {
  private final Handle handle;

  private Center(long value) {
    this.handle = new Handle(this, "center", value, Native::centerClose);
  }

  /**
   * A center that starts at {@code initial}: the weights, followed by the solver state if that is averaged.
   *
   * @param config resolved; names the rule and the outer optimiser
   */
  public static Center open(String config, float[] initial) {
    Loader.load();
    return new Center(Native.centerOpen(config, initial));
  }

  /** Adds one worker's vector, weighted by the number of samples it used. Called in the order of partitions. */
  public void add(float[] vector, long samples) {
    handle.call(
        value -> {
          Native.centerAdd(value, vector, samples);
          return null;
        });
  }

  /** Combines the vectors that were added, and returns the next center, as long as the initial one. */
  public float[] fold() {
    return handle.call(Native::centerFold);
  }

  /** Frees the center; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
