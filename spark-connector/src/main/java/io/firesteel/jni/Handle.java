/*
 * The native handle that Worker, Exchanger and Link have. It is never used after it was freed: calls hold a
 * read lock, and close takes the write lock, so that it waits for the call in flight.
 */
package io.firesteel.jni;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongConsumer;
import java.util.function.LongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One native object of one Java owner. */
final class Handle {
  private static final Logger LOG = LoggerFactory.getLogger(Handle.class);
  private static final Cleaner CLEANER = Cleaner.create();

  private final Object owner;
  private final State state;
  private final Cleaner.Cleanable cleanable;

  /**
   * @param owner if it is garbage-collected without having been closed, the handle is freed
   * @param what names the object in messages
   * @param free the native close
   */
  Handle(Object owner, String what, long value, LongConsumer free) {
    this.owner = owner;
    this.state = new State(what, value, free);
    this.cleanable = CLEANER.register(owner, state::leaked);
  }

  /** Runs a native call; {@link IllegalStateException} when the handle is closed. */
  <T> T call(LongFunction<T> body) {
    state.lock.readLock().lock();
    try {
      if (state.value == 0) {
        throw new IllegalStateException(state.what + " is closed");
      }
      return body.apply(state.value);
    } finally {
      state.lock.readLock().unlock();
      Reference.reachabilityFence(owner); // the Cleaner must not free what the call still uses
    }
  }

  /**
   * Runs a native call that may overlap the one in flight; does nothing if the handle is closed or being closed. lock()
   * would queue behind a close that waits for the call in flight; tryLock() without a timeout does not.
   */
  void callUnlessClosed(LongConsumer body) {
    if (!state.lock.readLock().tryLock()) {
      return;
    }
    try {
      if (state.value != 0) {
        body.accept(state.value);
      }
    } finally {
      state.lock.readLock().unlock();
      Reference.reachabilityFence(owner);
    }
  }

  /** Frees the native object once the call in flight has returned; further calls do nothing. */
  void close() {
    state.free();
    cleanable.clean();
  }

  /** A separate object, so that the Cleaner has no reference to the owner, which could then never be collected. */
  private static final class State {
    final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    final String what;
    final LongConsumer free;
    long value;

    State(String what, long value, LongConsumer free) {
      this.what = what;
      this.value = value;
      this.free = free;
    }

    void free() {
      lock.writeLock().lock();
      try {
        long freed = value;
        value = 0;
        if (freed != 0) {
          free.accept(freed);
        }
      } finally {
        lock.writeLock().unlock();
      }
    }

    void leaked() {
      if (value != 0) {
        LOG.warn("{} was never closed: freed by the garbage collector", what);
        free();
      }
    }
  }
}
