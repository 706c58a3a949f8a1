/*
 * One worker's connection to the exchanger. When a newer attempt of the same worker connects, an older one is refused.
 */
package io.firesteel.jni;

/** A handle on a link. All methods throw {@link NativeException}, and {@link IllegalStateException} after close. */
public final class Link implements AutoCloseable {
  private final Handle handle;

  private Link(long value) {
    this.handle = new Handle(this, "link", value, NativeExchange::linkClose);
  }

  /**
   * Connects to the exchanger and pulls the center, within the configuration's exchange-deadline.
   *
   * @param request {@code {"client":{of Exchanger.client},"worker":k,"attempt":n}}
   */
  public static Link open(String request) {
    Loader.load();
    return new Link(NativeExchange.linkOpen(request));
  }

  /**
   * One turn: asks how many local steps the worker may do, does them and exchanges.
   *
   * @param worker prepared; the same in every turn
   * @return {@code {"steps","samples","loss","done"}}; loss is null if it is not finite; done is true once the
   *     released part of the budget is spent
   */
  public String turn(Worker worker) {
    return handle.call(link -> worker.handle.call(value -> NativeExchange.linkTurn(link, value)));
  }

  /**
   * Ends the turn in flight after its minibatch, or at once while it waits for the exchanger, with kind
   * {@code cancelled}. Never waits for it, and does nothing on a closed handle.
   */
  public void cancel() {
    handle.callUnlessClosed(NativeExchange::linkCancel);
  }

  /** Ends the connection when the turn in flight has returned; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
