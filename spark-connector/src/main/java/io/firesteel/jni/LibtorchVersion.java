/*
 * Which version of libtorch lies in a directory, told from the files beside it before anything of it is loaded: one of
 * another version may load and then behave in any way.
 */
package io.firesteel.jni;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The version of an installed libtorch. */
final class LibtorchVersion {
  /** What this library was built for; tch 0.24.0 accepts no other. */
  static final String NEEDED = "2.11.0";

  /** Where it stands, from the directory above {@code lib}: of libtorch's archives, of PyTorch's package, of its headers. */
  private static final List<Place> PLACES =
      List.of(
          new Place("build-version", Pattern.compile("^(\\d+\\.\\d+\\.\\d+)")),
          new Place("version.py", Pattern.compile("(?m)^__version__ = '(\\d+\\.\\d+\\.\\d+)")),
          new Place(
              "include/torch/headeronly/version.h",
              Pattern.compile("(?m)^#define TORCH_VERSION +\\\\?\\s*\"(\\d+\\.\\d+\\.\\d+)")),
          new Place(
              "include/torch/csrc/api/include/torch/version.h",
              Pattern.compile("(?m)^#define TORCH_VERSION +\\\\?\\s*\"(\\d+\\.\\d+\\.\\d+)")));

  private LibtorchVersion() {}

  private record Place(String file, Pattern pattern) {}

  /** A version, and the file that says so. */
  record Found(String version, Path file) {}

  /** The version of the libtorch whose libraries lie in {@code lib}; empty where no file says it. */
  static Optional<Found> in(Path lib) {
    Path home = lib.toAbsolutePath().getParent();
    if (home == null) {
      return Optional.empty();
    }
    for (Place place : PLACES) {
      Path file = home.resolve(place.file);
      if (Files.isRegularFile(file)) {
        Matcher matcher = place.pattern.matcher(text(file));
        if (matcher.find()) {
          return Optional.of(new Found(matcher.group(1), file));
        }
      }
    }
    return Optional.empty();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return ""; // the libraries beside it tell their version themselves, once they are loaded
    }
  }
}
