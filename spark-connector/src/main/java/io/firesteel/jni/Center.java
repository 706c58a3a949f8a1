/*
 * The shared weights between two rounds, and the rule that folds the workers' vectors into them. Lives on the driver.
 */
package io.firesteel.jni;

/** A handle on a center. All methods throw {@link NativeException}, and {@link IllegalStateException} after close. */
public final class Center implements AutoCloseable {
  private final Handle handle;

  private Center(long value) {
    this.handle = new Handle(this, "center", value, Native::centerClose);
  }

  /**
   * A center at {@code initial}: the weights, or weights ++ solver state where the solver state is averaged.
   *
   * @param config resolved; names the rule and the outer optimiser
   */
  public static Center open(String config, float[] initial) {
    Loader.load();
    return new Center(Native.centerOpen(config, initial));
  }

  /** Adds one worker's vector, weighing as much as the samples it used. Called in the order of partitions. */
  public void add(float[] vector, long samples) {
    handle.call(
        value -> {
          Native.centerAdd(value, vector, samples);
          return null;
        });
  }

  /** Ends the exchange: the next center, of the length of the initial one. */
  public float[] fold() {
    return handle.call(Native::centerFold);
  }

  /** Frees the center; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
