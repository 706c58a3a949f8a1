/*
 * The training state of one partition in this process: its rows, net and solver, all in native memory. A worker that
 * was kept under (run, partition) outlives its handle.
 */
package io.firesteel.jni;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * A handle on a worker. Order of calls: {@link #open}, {@link #append} until it has all rows, {@link #prepare}, then
 * rounds or evaluations. All methods throw {@link NativeException}, and {@link IllegalStateException} after close.
 */
public final class Worker implements AutoCloseable {
  /** For {@link Link}, whose turns use the worker as well. */
  final Handle handle;

  private Worker(String what, long value) {
    this.handle = new Handle(this, what, value, Native::workerClose);
  }

  /**
   * A new worker without rows.
   *
   * @param spec {@code {"config":{resolved},"worker":k,"rows":capacity hint,"record":{"format",..}}}; the formats {@code
   *     encoded} and {@code pixels} may have {@code "weighted":true}, for records with a weight
   */
  public static Worker open(String spec) {
    Loader.load();
    return new Worker("worker", Native.workerOpen(spec));
  }

  /** A new handle on the worker that is kept under this run and partition in this process, if there is one. */
  public static Optional<Worker> find(String run, int partition) {
    Loader.load();
    long value = Native.workerFind(run, partition);
    return value == 0 ? Optional.empty() : Optional.of(new Worker("worker " + partition, value));
  }

  /**
   * Copies raw records to the worker's data, without those whose bytes are no image, which {@link #badImages} tells.
   *
   * @param records direct little-endian buffer with {@code rows} records without gaps from index 0 to its limit; it is
   *     only read during the call. Any other buffer is an error of kind {@code layout}
   */
  public void append(ByteBuffer records, int rows) {
    if (!records.isDirect() || records.order() != ByteOrder.LITTLE_ENDIAN) {
      throw new NativeException(Kind.LAYOUT, "records must lie in a direct little-endian buffer, not " + records, null);
    }
    handle.call(
        value -> {
          Native.workerAppend(value, records, records.limit(), rows);
          return null;
        });
  }

  /** What it computes on: {@code cpu}, or {@code cuda:0} and so on, by the number that libtorch gives the GPU. */
  public String device() {
    return handle.call(Native::workerDevice);
  }

  /** The rows that were left out: {@code {"count":n,"described":[{"row":number,"why":text}]}}, the first of them. */
  public String badImages() {
    return handle.call(Native::workerBadImages);
  }

  /**
   * Number of rows, sums of the pixels (u8, CHW), 3 sums of their squares, and sums over patches. Integers: sums over
   * workers are exact.
   */
  public long[] statistics() {
    return handle.call(Native::workerStatistics);
  }

  /** Ends the loading of rows; {@code normalizer} is the result of {@link Engine#normalizer}. */
  public void prepare(float[] normalizer) {
    handle.call(
        value -> {
          Native.workerPrepare(value, normalizer);
          return null;
        });
  }

  /**
   * Runs one round of local steps. The same round can be run again from the same start.
   *
   * @param given arrays that follow one another: the weights, or the weights and the solver's state. Here and below they
   *     have the bytes of f32 values, little-endian
   * @param round {@code {"digest","round","first-step","policy-step","steps","loss-limit","state"}}, where state is
   *     {@code "keep"|"given"|"reset"} and loss-limit may be left out
   * @param wanted arrays for the result, of the weights' length or of that of both together
   * @return {@code {"samples","loss","seconds","fresh","steps"}}; loss is null if samples is 0
   */
  public String round(byte[][] given, String round, byte[][] wanted) {
    return handle.call(value -> Native.workerRound(value, given, round, wanted));
  }

  /**
   * Evaluates weights of that layout on the worker's rows: {@code {"rows","correct","loss"}}, with the sum of losses. Each
   * row counts once, whatever its weight is.
   *
   * @param weights the bytes of f32 values, little-endian
   */
  public String evaluate(byte[] weights, String digest) {
    return handle.call(value -> Native.workerEvaluate(value, weights, digest));
  }

  /**
   * The same, with counts by class. The length of the result grows with the rows, not with the classes.
   *
   * @return the rows, those that are correct, the sum of losses as {@link Double#longBitsToDouble} reads it, and the rows
   *     whose label is among the five largest logits (of equal ones those of lower classes); then, for each pair of
   *     classes that occurs, in ascending order, the label, the predicted class and the rows
   */
  public long[] evaluateClasses(byte[] weights, String digest) {
    return handle.call(value -> Native.workerEvaluateClasses(value, weights, digest));
  }

  /**
   * Ends the call in flight after its minibatch, with kind {@code cancelled}. Never waits for it, and does nothing
   * on a closed handle.
   */
  public void cancel() {
    handle.callUnlessClosed(Native::workerCancel);
  }

  /** Keeps the worker in this process under this run and partition until {@link Engine#endRun}. */
  public void keep(String run, int partition) {
    handle.call(
        value -> {
          Native.workerKeep(value, run, partition);
          return null;
        });
  }

  /** Closes the handle once the call in flight has returned; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
