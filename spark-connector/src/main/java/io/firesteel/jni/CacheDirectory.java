/*
 * A directory of this user, below which large things are made once a machine. What is made appears whole or not at all,
 * and processes that want the same at the same time make it once.
 */
package io.firesteel.jni;

import com.sun.security.auth.module.UnixSystem;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Libraries are loaded from it, so nobody else may be able to put files there. */
final class CacheDirectory {
  private static final String LOCK = ".unpacking.lock"; // scripts/setup has a lock of its own in ~/.cache/firesteel
  private static final String PARTIAL = ".unpacking-";
  private static final Duration PATIENCE = Duration.ofMinutes(10);
  private static final long POLL = 100; // milliseconds

  private final Path path;

  private CacheDirectory(Path path) {
    this.path = path;
  }

  /** What is made in a directory. */
  interface Content {
    /** Fills a new directory. */
    void make(Path empty) throws IOException;

    /** Whether nothing of it is missing. Programs that tidy temporary directories remove single files. */
    boolean isWhole(Path directory);
  }

  /**
   * Makes the directory, for its owner alone, unless it is there.
   *
   * @throws IOException also where the directory is another user's, or everybody may write to it
   */
  static CacheDirectory open(Path place) throws IOException {
    if (!Files.isDirectory(place)) {
      Files.createDirectories(place, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    Path path = place.toRealPath(); // a link, which somebody might put elsewhere, is followed this once
    if (!Files.getAttribute(path, "unix:uid").equals((int) user())) {
      throw new IOException(path + " belongs to user " + Files.getOwner(path).getName());
    }
    if (Files.getPosixFilePermissions(path).contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new IOException("everybody may write to " + path);
    }
    return new CacheDirectory(path);
  }

  /** The number of this process's user. Not every user has a name. */
  static long user() {
    return new UnixSystem().getUid();
  }

  /** Where it is, without links. */
  Path path() {
    return path;
  }

  /** The directory {@code name} with that content, which is made unless it is there. */
  Path get(String name, Content content) throws IOException {
    Path target = path.resolve(name);
    if (content.isWhole(target)) {
      return target;
    }
    try (FileChannel file = FileChannel.open(path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      lock(file);
      if (!content.isWhole(target)) {
        removePartial();
        remove(target);
        make(target, content);
      }
      return target;
    }
  }

  private void make(Path target, Content content) throws IOException {
    Path work = Files.createTempDirectory(path, PARTIAL);
    try {
      content.make(work);
      Files.move(work, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      try {
        remove(work);
      } catch (IOException left) {
        e.addSuppressed(left);
      }
      throw e;
    }
  }

  /** Removes what processes that were killed have left: whoever holds the lock is the only one at work. */
  private void removePartial() throws IOException {
    try (DirectoryStream<Path> left = Files.newDirectoryStream(path, PARTIAL + "*")) {
      for (Path directory : left) {
        remove(directory);
      }
    }
  }

  private static void remove(Path directory) throws IOException {
    if (Files.exists(directory)) {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
          Files.delete(file);
        }
      }
    }
  }

  /** Waits for the lock, which is held until the file is closed, or the process has ended in whichever way. */
  private void lock(FileChannel file) throws IOException {
    long begin = System.nanoTime();
    while (System.nanoTime() - begin < PATIENCE.toNanos()) {
      try {
        if (file.tryLock() != null) {
          return;
        }
      } catch (OverlappingFileLockException e) {
        // this process has it: the class of another class loader, as sessions of Spark Connect have one each
      }
      try {
        TimeUnit.MILLISECONDS.sleep(POLL);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while another process unpacks", e);
      }
    }
    throw new IOException("another process has held " + path.resolve(LOCK) + " for " + PATIENCE.toMinutes() + " minutes");
  }
}
