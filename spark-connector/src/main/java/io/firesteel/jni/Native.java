/*
 * The native methods of training: the same table as in rust-core/native/src/api.rs; NativeExchange has those of exchanges,
 * NativeSimulation those of simulated runs, and no other class has any. All other code calls Engine, Worker, Predictor,
 * Exchanger, Link and Simulation, which load the library first and never pass a closed handle. Settings are passed
 * as a JSON string, weights are copied as a whole, images are read from a borrowed direct buffer; all is little-endian.
 */
package io.firesteel.jni;

import java.nio.ByteBuffer;

/** Every method throws {@link NativeException}; a handle is never 0. */
final class Native {
  private Native() {}

  static native String version();

  static native void loadCuda(String directory);

  static native String schema();

  static native String resolve(String request);

  static native String describe(String config);

  static native String machine(String config);

  static native String inspect(String config);

  static native String memory(String config, long rows, String record);

  static native float[] initialWeights(String config, long[] statistics);

  static native void average(byte[][] vectors, long[] samples, byte[] mean);

  static native float[] normalizer(String config, long[] statistics);

  static native byte[] tensorsHeader(String layout);

  static native String readTensorsHeader(byte[] header, long fileBytes);

  static native long workerOpen(String spec);

  static native void workerAppend(long worker, ByteBuffer records, int length, int rows);

  static native String workerBadImages(long worker);

  static native long[] workerStatistics(long worker);

  static native void workerPrepare(long worker, float[] normalizer);

  static native String workerRound(long worker, byte[][] given, String round, byte[][] wanted);

  static native String workerEvaluate(long worker, byte[] weights, String digest);

  static native long[] workerEvaluateClasses(long worker, byte[] weights, String digest);

  static native String workerDevice(long worker);

  static native void workerCancel(long worker);

  static native void workerKeep(long worker, String run, int partition);

  static native long workerFind(String run, int partition);

  static native void workerClose(long worker);

  static native void retain(String run, long[] partitions);

  static native void endRun(String run);

  static native long live();

  static native long predictorOpen(String config, float[] weights, float[] normalizer);

  static native float[] predictorPredict(
      long predictor, String format, ByteBuffer records, int length, String[] refusals);

  static native void predictorClose(long predictor);
}
