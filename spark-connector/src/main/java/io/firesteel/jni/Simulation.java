/*
 * A run of all its workers in this process, one after the other, under a virtual clock: docs/simulation.md.
 */
package io.firesteel.jni;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A handle on a simulated run. Order of calls: {@link #open}, {@link #append} until all rows are there, {@link #run}
 * once. All methods throw {@link NativeException}, and {@link IllegalStateException} after close.
 */
public final class Simulation implements AutoCloseable {
  private final Handle handle;

  private Simulation(long value) {
    this.handle = new Handle(this, "simulation", value, NativeSimulation::close);
  }

  /** A cluster of which nothing is said, as a JSON object that has every key. */
  public static String defaults() {
    Loader.load();
    return NativeSimulation.defaults();
  }

  /** A configuration, not completed yet, with what a cluster would decide. */
  public static String decided(String config) {
    Loader.load();
    return NativeSimulation.decided(config);
  }

  /**
   * The cluster with all its numbers, checked.
   *
   * @param config completed, with the length of the run
   * @param cluster some keys of {@link #defaults}
   */
  public static String cluster(String config, String cluster) {
    Loader.load();
    return NativeSimulation.cluster(config, cluster);
  }

  /**
   * A run without images.
   *
   * @param spec {@code {"config":{resolved},"cluster":{all keys},"record":{"format",..},"train-rows":n,"test-rows":n}};
   *     no test-rows if nothing is evaluated
   */
  public static Simulation open(String spec) {
    Loader.load();
    return new Simulation(NativeSimulation.open(spec));
  }

  /**
   * Copies raw records to the training set, or to the set that is evaluated, without those that are no images.
   *
   * @param records as of {@link Worker#append}
   */
  public void append(boolean test, ByteBuffer records, int rows) {
    if (!records.isDirect() || records.order() != ByteOrder.LITTLE_ENDIAN) {
      throw new NativeException(Kind.LAYOUT, "records must lie in a direct little-endian buffer, not " + records, null);
    }
    handle.call(
        value -> {
          NativeSimulation.append(value, test, records, records.limit(), rows);
          return null;
        });
  }

  /** The rows that were left out, as of {@link Worker#badImages}. */
  public String badImages(boolean test) {
    return handle.call(value -> NativeSimulation.badImages(value, test));
  }

  /**
   * Trains, and evaluates.
   *
   * @return {@code {"points":[{"round","samples","virtual_seconds","bytes","accuracy","loss"}],"samples","seconds",
   *     "virtual_seconds","bytes","exchanges","staleness":[17],"computing","exchanging"}}
   */
  public String run() {
    return handle.call(NativeSimulation::run);
  }

  /** Ends the run within a minibatch, with kind {@code cancelled}; does nothing on a closed handle. */
  public void cancel() {
    handle.callUnlessClosed(NativeSimulation::cancel);
  }

  /** Closes the handle once the call in flight has returned; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
