/*
 * The native calls that need no handle. Each loads the library first when nobody has yet.
 */
package io.firesteel.jni;

/** Configuration, layouts and files. All methods throw {@link NativeException}. */
public final class Engine {
  private Engine() {}

  /** Crate and libtorch versions: {@code {"crate":"0.1.0","libtorch":"2.11.0"}}. */
  public static String version() {
    Loader.load();
    return Native.version();
  }

  /**
   * Completes and validates a configuration.
   *
   * @param request {@code {"config":{..},"facts":{"rows":n,"classes":n}}}; without facts only what needs none is checked
   * @return the configuration with every key that applies, as JSON
   */
  public static String resolve(String request) {
    Loader.load();
    return Native.resolve(request);
  }

  /**
   * The layout of a resolved configuration's net.
   *
   * @return {@code {"tensors":[{"name","shape"}],"length":n,"parameters":n,"state":n,"digest":"hex"}}; length in floats,
   *     parameters those of them that are no running statistics, state of the configuration's solver
   */
  public static String describe(String config) {
    Loader.load();
    return Native.describe(config);
  }

  /**
   * What workers of that configuration compute with in this process, and what decides the bits of their sums.
   *
   * @return {@code {"cpu":text,"instruction_set":text,"threads":n,"libtorch":text}}; threads of one worker
   */
  public static String machine(String config) {
    Loader.load();
    return Native.machine(config);
  }

  /**
   * Bytes of native memory that one worker will take under a resolved configuration, worked out without one: a dry pass
   * of the net over a few images, a second of computing at most.
   *
   * @param rows of the worker
   * @return {@code {"resident":n,"step":n,"evaluation":n,"limit":{"bytes":n,"by":text,"available":n}}}: what it holds
   *     between its calls, what a local step or an evaluation takes beyond that, and what this process may have
   */
  public static String memory(String config, long rows) {
    Loader.load();
    return Native.memory(config, rows);
  }

  /**
   * The seeded initial weights, flat, of {@link #describe}'s length.
   *
   * @param statistics sums over all workers of {@link Worker#statistics}, which some nets start from
   */
  public static float[] initialWeights(String config, long[] statistics) {
    Loader.load();
    return Native.initialWeights(config, statistics);
  }

  /** Those of a net that starts the same on any data; one that does not refuses. */
  public static float[] initialWeights(String config) {
    return initialWeights(config, new long[0]);
  }

  /**
   * What is subtracted from and multiplied with every pixel.
   *
   * @param statistics sums over all workers of {@link Worker#statistics}
   * @return 3072 means (CHW, in 0..255) and 3 scales: x' = (x - mean) * scale
   */
  public static float[] normalizer(String config, long[] statistics) {
    Loader.load();
    return Native.normalizer(config, statistics);
  }

  /**
   * All that stands before the values of a safetensors file: the header's length in 8 bytes, and the header. The values
   * follow as f32, little-endian, in the order of the tensors' names.
   *
   * @param layout {@code {"tensors":[{"name","shape"}],"metadata":{..}}}
   */
  public static byte[] tensorsHeader(String layout) {
    Loader.load();
    return Native.tensorsHeader(layout);
  }

  /**
   * What the header of a safetensors file says; one that does not fit the file is refused.
   *
   * @param header the file's first 8 bytes and as many more as they announce
   * @param fileBytes length of the whole file
   * @return {@code {"tensors":[{"name","dtype","shape","start","bytes"}],"metadata":{..}}}: the tensors in the order in
   *     which they lie in the file, without gaps, each from its byte {@code start} on
   */
  public static String readTensorsHeader(byte[] header, long fileBytes) {
    Loader.load();
    return Native.readTensorsHeader(header, fileBytes);
  }

  /** Frees the resident workers of that run, and of no run below it, that are not of these partitions. */
  public static void retain(String run, long[] partitions) {
    Loader.load();
    Native.retain(run, partitions);
  }

  /** Frees all that this process holds of a run and of the runs named below it ({@code run/..}): workers, hosted parts. */
  public static void endRun(String run) {
    Loader.load();
    Native.endRun(run);
  }

  /** Workers, centers, exchangers, hosted parts of a center and links alive in this process. */
  public static long live() {
    Loader.load();
    return Native.live();
  }
}
