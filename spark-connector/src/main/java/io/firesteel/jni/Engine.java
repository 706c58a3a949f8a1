/*
 * The native calls without a handle. Each loads the library unless it is loaded.
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
   * @param request {@code {"config":{..},"facts":{"rows":n,"classes":n}}}; without facts, what depends on them is
   *     not checked
   * @return the configuration with every key that applies, as JSON
   */
  public static String resolve(String request) {
    Loader.load();
    return Native.resolve(request);
  }

  /**
   * The table of settings, as the resource {@code io/firesteel/schema.json} has it too.
   *
   * @return {@code {"groups":[{"name","summary"}],"settings":[{"key","type","group","help","common",..}]}}; a setting
   *     may also have {@code value}, {@code names}, {@code default}, {@code limits} and {@code read-by}
   */
  public static String schema() {
    Loader.load();
    return Native.schema();
  }

  /**
   * The layout of a resolved configuration's net.
   *
   * @return {@code {"tensors":[{"name","shape"}],"length":n,"parameters":n,"state":n,"digest":"hex"}}; length in
   *     floats, parameters without running statistics, state of the configuration's solver
   */
  public static String describe(String config) {
    Loader.load();
    return Native.describe(config);
  }

  /**
   * What workers with that configuration compute with in this process, which decides the last bits of their sums.
   *
   * @return {@code {"cpu":text,"instruction_set":text,"threads":n,"libtorch":text}}; threads of one worker
   */
  public static String machine(String config) {
    Loader.load();
    return Native.machine(config);
  }

  /**
   * What this process can compute with, in a resolved configuration's precision.
   *
   * @return {@code {"precision":text,"cores":n,"gpus":n,"no_gpu":text or null,"libtorch":text,"glibc":text}}: what the
   *     precision auto means here, why libtorch sees no GPU where there seems to be one, and where libtorch lies
   */
  public static String inspect(String config) {
    Loader.load();
    return Native.inspect(config);
  }

  /**
   * An estimate of the native memory in bytes that one worker takes with a resolved configuration. It is measured in
   * two passes of the net over a few images, which takes a second at most.
   *
   * @param rows of the worker
   * @param record the format of the records that they are read from, as in the spec of {@link Worker#open}
   * @return {@code {"resident":n,"step":n,"evaluation":n,"limit":{"bytes":n,"by":text,"available":n}}}: what it holds
   *     between its calls, what a local step or an evaluation takes beyond that, and what this process may have
   */
  public static String memory(String config, long rows, String record) {
    Loader.load();
    return Native.memory(config, rows, record);
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

  /** The same for a net whose initial weights do not depend on statistics; an error for other nets. */
  public static float[] initialWeights(String config) {
    return initialWeights(config, new long[0]);
  }

  /**
   * SparkNet's mean of the workers' vectors, weighted by the samples that each used. Summed in their order, in f64.
   *
   * @param vectors each the bytes of f32 values, little-endian, all of one length
   * @param samples as many as vectors; a vector of 0 samples adds nothing, and one of them must have some
   * @return the mean's bytes
   */
  public static byte[] average(byte[][] vectors, long[] samples) {
    Loader.load();
    byte[] mean = new byte[vectors.length == 0 ? 0 : vectors[0].length];
    Native.average(vectors, samples, mean);
    return mean;
  }

  /**
   * The mean to subtract from every pixel, and the scale to multiply it by.
   *
   * @param statistics sums over all workers of {@link Worker#statistics}
   * @return a mean for each value of an image (CHW, in 0..255) and 3 scales: x' = (x - mean) * scale
   */
  public static float[] normalizer(String config, long[] statistics) {
    Loader.load();
    return Native.normalizer(config, statistics);
  }

  /**
   * The start of a safetensors file: the header's length in 8 bytes, and the header. After it the file must have the
   * values as f32, little-endian, in the order of the tensors' names.
   *
   * @param layout {@code {"tensors":[{"name","shape"}],"metadata":{..}}}
   */
  public static byte[] tensorsHeader(String layout) {
    Loader.load();
    return Native.tensorsHeader(layout);
  }

  /**
   * Reads the header of a safetensors file; one that does not fit the file is an error.
   *
   * @param header the file's first 8 bytes, and as many more as they say
   * @param fileBytes length of the whole file
   * @return {@code {"tensors":[{"name","dtype","shape","start","bytes"}],"metadata":{..}}}: the tensors in the order in
   *     which they lie in the file, without gaps, each from its byte {@code start} on
   */
  public static String readTensorsHeader(byte[] header, long fileBytes) {
    Loader.load();
    return Native.readTensorsHeader(header, fileBytes);
  }

  /** Frees the workers that are kept for that run (not for runs below it), except for those of these partitions. */
  public static void retain(String run, long[] partitions) {
    Loader.load();
    Native.retain(run, partitions);
  }

  /** Frees the workers and hosted parts that this process has of a run, and of the runs below it ({@code run/...}). */
  public static void endRun(String run) {
    Loader.load();
    Native.endRun(run);
  }

  /** How many workers, exchangers, hosted parts of a center and links this process has. */
  public static long live() {
    Loader.load();
    return Native.live();
  }
}
