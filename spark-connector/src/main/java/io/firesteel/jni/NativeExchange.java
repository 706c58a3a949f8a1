/*
 * The native methods of exchanges: the same table as in rust-core/native/src/exchange_api.rs. As for Native, only
 * Exchanger and Link call them.
 */
package io.firesteel.jni;

/** Every method throws {@link NativeException}; a handle is never 0. */
final class NativeExchange {
  private NativeExchange() {}

  static native long exchangerOpen(String config, byte[] initial, long snapshot);

  static native String exchangerClient(long exchanger);

  static native String exchangerReport(long exchanger);

  static native void exchangerRelease(long exchanger, long minibatches);

  static native byte[] exchangerCenter(long exchanger);

  static native long exchangerSnapshot(long exchanger);

  static native long bytesOpen();

  static native void bytesAppend(long bytes, byte[] piece);

  static native long bytesLength(long bytes);

  static native byte[] bytesRead(long bytes, long at, int length);

  static native void bytesClose(long bytes);

  static native long[] exchangerToHost(long exchanger);

  static native byte[] exchangerPart(long exchanger, int part);

  static native void exchangerHosted(long exchanger, String servers);

  static native String exchangerHost(String request, byte[] snapshot);

  static native void exchangerClose(long exchanger);

  static native long linkOpen(String request);

  static native String linkTurn(long link, long worker);

  static native void linkCancel(long link);

  static native void linkClose(long link);
}
