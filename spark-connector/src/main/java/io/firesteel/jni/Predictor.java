/*
 * A trained net that answers for images. Loaded once in a process, it is used by all its threads.
 */
package io.firesteel.jni;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A handle on a predictor. All methods throw {@link NativeException}, and {@link IllegalStateException} after close. */
public final class Predictor implements AutoCloseable {
  private final Handle handle;

  private Predictor(long value) {
    this.handle = new Handle(this, "predictor", value, Native::predictorClose);
  }

  /**
   * Opens a model.
   *
   * @param config resolved
   * @param weights flat, of {@link Engine#describe}'s length
   * @param normalizer the result of {@link Engine#normalizer}
   */
  public static Predictor open(String config, float[] weights, float[] normalizer) {
    Loader.load();
    return new Predictor(Native.predictorOpen(config, weights, normalizer));
  }

  /**
   * What a model says of images.
   *
   * @param logits rows x classes, what softmax makes probabilities of; NaN for a row that is no image. Those of an image are
   *     NaN, too, if the weights are no numbers.
   * @param refusals of each row why its bytes are no image; null for an image
   */
  public record Prediction(float[] logits, String[] refusals) {}

  /**
   * Predicts for images. May be called by several threads at once.
   *
   * @param format of the records, as in the spec of {@link Worker#open}: {@code {"format":"encoded"}}
   * @param records direct little-endian buffer with {@code rows} records without gaps from index 0 to its limit; the
   *     logits do not depend on labels and weights
   */
  public Prediction predict(String format, ByteBuffer records, int rows) {
    if (!records.isDirect() || records.order() != ByteOrder.LITTLE_ENDIAN) {
      throw new NativeException(Kind.LAYOUT, "records must lie in a direct little-endian buffer, not " + records, null);
    }
    String[] refusals = new String[rows];
    float[] logits =
        handle.call(
            value -> Native.predictorPredict(value, format, records, records.limit(), refusals));
    return new Prediction(logits, refusals);
  }

  /** Frees the model once the calls in flight have returned; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
