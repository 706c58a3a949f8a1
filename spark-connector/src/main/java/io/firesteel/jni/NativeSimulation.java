/*
 * The native methods of simulated runs: the same table as in rust-core/native/src/simulation_api.rs. As for Native, only
 * Simulation calls them.
 */
package io.firesteel.jni;

import java.nio.ByteBuffer;

/** Every method throws {@link NativeException}; a handle is never 0. */
final class NativeSimulation {
  private NativeSimulation() {}

  static native String defaults();

  static native String decided(String config);

  static native String cluster(String config, String cluster);

  static native long open(String spec);

  static native void append(long simulation, boolean test, ByteBuffer records, int length, int rows);

  static native String badImages(long simulation, boolean test);

  static native String run(long simulation);

  static native void cancel(long simulation);

  static native void close(long simulation);
}
