/*
 * What Worker, Center, Exchanger and Link share: the native handle, and the promise that nothing uses it after it was
 * freed. Calls hold a read lock, close takes the write lock and so waits for the call in flight.
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
   * @param owner the object whose loss frees the handle, if it was never closed
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
   * Runs a native call that may overlap the one in flight; does nothing when the handle is closed or closing.
   * The untimed tryLock passes a close that waits for its turn, where lock() would queue behind it.
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

  /** Apart from the handle, so that the Cleaner holds no reference to the owner. */
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
