/*
 * Advice for a shared library that could not be loaded, which the Loader puts behind the message of the dynamic
 * linker. That message says what failed ("undefined symbol: x", "failed to map segment"), but not what the user must
 * change: a file system that allows no code, a libtorch of another version or an operating system that is too old.
 */
package io.firesteel.jni;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Finds the cause of a failure to load a library, and says what to do about it. */
final class LoadFailure {
  private static final String MOUNTS = "/proc/self/mounts";

  private LoadFailure() {}

  /**
   * The advice if {@code file} is on a file system that is mounted noexec, from which no library can be loaded; empty
   * if it is not.
   *
   * @param elsewhere how the user moves the file to another file system
   */
  static Optional<String> ofMount(Path file, String elsewhere) {
    return noexecAt(file).map(point -> "the file system at " + point + " is mounted noexec: " + elsewhere);
  }

  /** The mount point of the file system that {@code file} is on, if that is mounted noexec. */
  static Optional<String> noexecAt(Path file) {
    try {
      return noexec(file, Files.readString(Path.of(MOUNTS)));
    } catch (IOException e) {
      return Optional.empty(); // without /proc nothing is known of mounts, and the linker's message stands alone
    }
  }

  /**
   * The advice for a message of the dynamic linker.
   *
   * @param libtorch the directory with the libtorch that the library needs
   * @param otherwise the advice for a message that points to no known cause
   */
  static String of(String message, Path libtorch, String otherwise) {
    if (message.contains("GLIBC_") || message.contains("GLIBCXX_")) {
      return "this machine's C or C++ library is too old: libtorch needs glibc 2.28, and libfiresteel.so what it was "
          + "linked with, on Debian 12 glibc 2.34 and libstdc++ of GCC 9: update this machine, or build on one as old";
    }
    if (message.contains("undefined symbol")) {
      return "libtorch in " + libtorch + " is no whole " + LibtorchVersion.NEEDED + ": " + Loader.REMEDY;
    }
    return otherwise;
  }

  /**
   * The same by a list of mounts.
   *
   * @param mounts the text of /proc/self/mounts as proc(5) describes it: in each line device, mount point, type and
   *     options, with spaces, tabs and backslashes of the mount point written as \040, \011 and \134
   */
  static Optional<String> noexec(Path file, String mounts) {
    String point = "";
    boolean noexec = false;
    for (String line : mounts.split("\n")) {
      String[] fields = line.split(" ");
      if (fields.length < 4) {
        continue;
      }
      String place = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
      // the longest matching mount point is that of the file; of two mounts on one point the later one hides the other
      if (file.startsWith(place) && place.length() >= point.length()) {
        point = place;
        noexec = List.of(fields[3].split(",")).contains("noexec");
      }
    }
    return noexec ? Optional.of(point) : Optional.empty();
  }
}
