/*
 * The server of the strategies that exchange inside a stage: it has the center, and workers exchange with it whenever
 * they are ready. It is on the driver; its threads are native.
 */
package io.firesteel.jni;

/** A handle on an exchanger; methods throw {@link NativeException}, and {@link IllegalStateException} after close. */
public final class Exchanger implements AutoCloseable {
  private static final int PIECE = 64 << 20; // bytes; a snapshot may be larger than an array

  private final Handle handle;

  private Exchanger(long value) {
    this.handle = new Handle(this, "exchanger", value, NativeExchange::exchangerClose);
  }

  /**
   * Listens on the configuration's {@code bind} and serves a center that starts at {@code initial}.
   *
   * @param config resolved; has the rule, the consistency, the budget and the addresses
   * @param snapshot of {@link #snapshot}, to continue from it instead, in pieces of any size; empty to begin a run
   */
  public static Exchanger open(String config, byte[] initial, byte[][] snapshot) {
    Loader.load();
    long bytes = NativeExchange.bytesOpen();
    try {
      for (byte[] piece : snapshot) {
        NativeExchange.bytesAppend(bytes, piece);
      }
      return new Exchanger(NativeExchange.exchangerOpen(config, initial, bytes));
    } finally {
      NativeExchange.bytesClose(bytes);
    }
  }

  /** What a {@link Link} needs to connect, as JSON. It contains the job's secret: never log it. */
  public String client() {
    return handle.call(NativeExchange::exchangerClient);
  }

  /**
   * Totals, and each turn since the last report: {@code
   * {"steps","samples","budget","turns":[{"worker","exchange","steps","samples","total-steps","total-samples",
   * "loss","staleness","bytes","computing","exchanging","waiting"}],"dropped-turns","bytes","staleness":[17],"lag":[..],
   * "diverged":{"worker","turn"},"exchanges","bytes-in","bytes-out","connections","pending-connections",
   * "refused-connections"}}; times in seconds. The lag of a worker that has left is null; diverged is null unless a
   * worker's weights or loss became NaN or infinite.
   */
  public String report() {
    return handle.call(NativeExchange::exchangerReport);
  }

  /**
   * Lets the workers continue until all of them together have done {@code minibatches}; then {@link Link#turn} is done.
   * When more are released, the links of a later job continue from there. At first the whole budget is released. Call it
   * while no worker runs, and before {@link #client}, which says whether the workers will continue. While workers run,
   * fewer than they have done, as 0, end the run: each leaves at its next turn.
   */
  public void release(long minibatches) {
    handle.call(
        value -> {
          NativeExchange.exchangerRelease(value, minibatches);
          return null;
        });
  }

  /**
   * The center now; exchanges continue meanwhile. If executors host it, a part whose host is lost continues from the
   * last call of this.
   */
  public byte[] center() {
    return handle.call(NativeExchange::exchangerCenter);
  }

  /**
   * All that {@link #open} needs to continue from here, in pieces; exchanges continue meanwhile. If executors host the
   * center, the snapshot is of the last call of {@link #center}.
   */
  public byte[][] snapshot() {
    return snapshot(PIECE);
  }

  byte[][] snapshot(int piece) {
    long bytes = handle.call(NativeExchange::exchangerSnapshot);
    try {
      long length = NativeExchange.bytesLength(bytes);
      byte[][] pieces = new byte[Math.toIntExact((length + piece - 1) / piece)][];
      for (int i = 0; i < pieces.length; i++) {
        long at = (long) i * piece;
        pieces[i] = NativeExchange.bytesRead(bytes, at, (int) Math.min(piece, length - at));
      }
      return pieces;
    } finally {
      NativeExchange.bytesClose(bytes);
    }
  }

  /**
   * Numbers of the parts of the center that need a host: those whose host does not answer. {@link #part} has their
   * values. With a synchronous strategy one lost part takes all others, and the turns, back to the last call of {@link
   * #center}. To be called while no worker runs.
   */
  public long[] toHost() {
    return handle.call(NativeExchange::exchangerToHost);
  }

  /** A part of the center for {@link #host}, as it was at the last call of {@link #center}. */
  public byte[] part(int part) {
    return handle.call(value -> NativeExchange.exchangerPart(value, part));
  }

  /**
   * Sets the servers that host the parts of the center, if the configuration's {@code exchangers} is not 0.
   *
   * @param servers JSON array of the results of {@link #host}, in the order of the parts
   */
  public void hosted(String servers) {
    handle.call(
        value -> {
          NativeExchange.exchangerHosted(value, servers);
          return null;
        });
  }

  /**
   * Hosts a part of a center in this process until its run ends. It replaces what this process hosted for that part.
   *
   * @param request {@code {"run","config","secret","part","offset","host"}}; host is the name at which workers reach
   *     this process
   * @param part of {@link #part}; it begins at offset in the flat vector
   * @return its address, as JSON
   */
  public static String host(String request, byte[] part) {
    Loader.load();
    return NativeExchange.exchangerHost(request, part);
  }

  /** Ends every connection and frees the exchanger; may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
