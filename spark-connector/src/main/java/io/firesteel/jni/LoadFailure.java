/*
 * What to do about a shared library that could not be loaded. The dynamic linker says what it missed, but not why: the same
 * words come of a damaged file, of another libtorch and of an old system.
 */
package io.firesteel.jni;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The remedy for a failure to load a library. */
final class LoadFailure {
  private static final String MOUNTS = "/proc/self/mounts";

  private LoadFailure() {}

  /** What to do where the file system of {@code file} allows no code to be loaded from it; empty where it does. */
  static Optional<String> ofMount(Path file, String elsewhere) {
    String mounts;
    try {
      mounts = Files.readString(Path.of(MOUNTS));
    } catch (IOException e) {
      return Optional.empty(); // not Linux, or no /proc: the linker's own words must do
    }
    return noexec(file, mounts)
        .map(point -> "the file system at " + point + " is mounted noexec: " + elsewhere);
  }

  /** What to do after the dynamic linker's {@code message}; {@code otherwise} where it tells nothing more. */
  static String of(String message, Path libtorch, String otherwise) {
    if (message.contains("GLIBC_") || message.contains("GLIBCXX_")) {
      return "this machine's C or C++ library is too old: glibc 2.28 and libstdc++ of GCC 8 or newer are needed";
    }
    if (message.contains("undefined symbol")) {
      return "libtorch in " + libtorch + " is no whole " + LibtorchVersion.NEEDED + ": " + Loader.REMEDY;
    }
    return otherwise;
  }

  /**
   * The mount point of {@code file} if it is mounted noexec.
   *
   * @param mounts lines of /proc/self/mounts, proc(5): device, mount point, type, options; spaces are written \040
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
      // a later mount covers an earlier one on the same point
      if (file.startsWith(place) && place.length() >= point.length()) {
        point = place;
        noexec = List.of(fields[3].split(",")).contains("noexec");
      }
    }
    return noexec ? Optional.of(point) : Optional.empty();
  }
}
