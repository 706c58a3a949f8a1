/*
 * Finds and loads libtorch and libfiresteel.so, once in a process, each file by its path and in dependency order: no
 * LD_LIBRARY_PATH is needed. The message of a failure names the file, what is wrong, the places searched and what to
 * do.
 */
package io.firesteel.jni;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/** Loads the native library; every failure is a {@link NativeException} of kind {@code library}. */
public final class Loader {
  private static final String NEEDED = LibtorchVersion.NEEDED;
  private static final String LIBTORCH = "libtorch-" + NEEDED + "-cpu"; // the directory's name in the cache
  private static final String RESOURCE = "native/linux-x86_64/libfiresteel.so";
  static final String REMEDY =
      "run scripts/setup on this machine, or take the jar firesteel-linux-x86_64, which carries libtorch, or set "
          + "FIRESTEEL_LIBTORCH to a directory with libtorch " + NEEDED;
  private static final String REBUILD = "rebuild with scripts/build";

  /**
   * The libraries of libtorch in the order of loading: each needs those before it. One that not every build of libtorch
   * has is optional.
   */
  private static final List<Part> PARTS =
      List.of(
          new Part("libgomp.so.1", false),
          new Part("libc10.so", true),
          new Part("libcudart.so.*", false),
          new Part("libcupti.so.*", false),
          new Part("libtorch_cpu.so", true));

  private static boolean loaded;

  private Loader() {}

  private record Part(String glob, boolean required) {}

  /** A file, what messages call it, and the libtorch that it is loaded with. */
  private record Library(Path file, String called, Path libtorch) {}

  /** Loads the library unless it is loaded, looking for libtorch where {@link #load(List)} does. */
  public static void load() {
    load(List.of());
  }

  /**
   * Loads the library unless it is loaded. libtorch is taken from the directory (or the {@code lib} in it) that the
   * system property {@code firesteel.libtorch} names, or the environment variable FIRESTEEL_LIBTORCH. If neither is
   * set, it is the first of {@code shipped} that exists, or the one that scripts/setup made in FIRESTEEL_CACHE or
   * ~/.cache/firesteel, or that of the jar, which is unpacked there. The system property {@code firesteel.library} or
   * the variable FIRESTEEL_LIBRARY names a libfiresteel.so to use instead of the jar's.
   */
  public static synchronized void load(List<Path> shipped) {
    if (loaded) {
      return;
    }
    Path libtorch = libtorch(shipped);
    LibtorchVersion.in(libtorch)
        .filter(found -> !found.version().equals(NEEDED))
        .ifPresent(found -> refuse(libtorch, found.version(), " (" + found.file() + ")"));
    for (Part part : PARTS) {
      for (Path file : matching(libtorch, part)) {
        loadLibtorch(file, libtorch);
      }
    }
    String named = setting("firesteel.library", "FIRESTEEL_LIBRARY");
    if (named == null) {
      loadPacked(libtorch);
    } else {
      Path file = Path.of(named).toAbsolutePath();
      loadFiresteel(new Library(file, named, libtorch), "set FIRESTEEL_LIBRARY to a copy on another");
    }
    Native.loadCuda(libtorch.toString()); // last: it asks the library that was just loaded
    loaded = true;
  }

  private static void refuse(Path libtorch, String version, String source) {
    throw failure("libtorch in " + libtorch + " is version " + version + source + ", not " + NEEDED + ": " + REMEDY, null);
  }

  private static Path libtorch(List<Path> shipped) {
    List<Path> places = new ArrayList<>();
    String named = setting("firesteel.libtorch", "FIRESTEEL_LIBTORCH");
    if (named != null) {
      places.add(Path.of(named)); // an explicit choice is never replaced by another directory
    } else {
      places.addAll(shipped);
      places.add(cache().resolve(LIBTORCH));
    }
    List<String> searched = new ArrayList<>();
    for (Path place : places) {
      for (Path directory : List.of(place.resolve("lib"), place)) {
        if (Files.isRegularFile(directory.resolve("libtorch_cpu.so"))) {
          return directory.toAbsolutePath();
        }
        searched.add(directory.toAbsolutePath().toString());
      }
    }
    Optional<PackedLibtorch> packed = named == null ? PackedLibtorch.in(Loader::resource) : Optional.empty();
    String missing = "libtorch_cpu.so is missing: looked in " + String.join(", ", searched) + "; " + REMEDY;
    return packed.map(libtorch -> libtorch.unpacked(unpackingPlaces())).orElseThrow(() -> failure(missing, null));
  }

  /**
   * Below FIRESTEEL_CACHE, which may be shared, a directory of this user. Where that is not set, the cache in the home
   * directory, or if that cannot be written, a directory of this user below the temporary one.
   */
  private static List<Path> unpackingPlaces() {
    String own = "firesteel-" + CacheDirectory.user();
    Path cache = cache();
    if (variable("FIRESTEEL_CACHE") != null) {
      return List.of(cache.toAbsolutePath().resolve(own));
    }
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"), own);
    return cache.isAbsolute() ? List.of(cache, temporary) : List.of(temporary);
  }

  /** As scripts/lib.sh finds it; Java's own user.home is {@code ?} for a user that the password file does not have. */
  private static Path cache() {
    String cache = variable("FIRESTEEL_CACHE");
    if (cache != null) {
      return Path.of(cache);
    }
    String home = variable("HOME");
    return Path.of(home == null ? System.getProperty("user.home") : home, ".cache", "firesteel");
  }

  /** Null where the environment does not have it, or has it empty. */
  private static String variable(String name) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? null : value;
  }

  private static List<Path> matching(Path directory, Part part) {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, part.glob)) {
      stream.forEach(files::add);
    } catch (IOException e) {
      throw failure("list " + directory + ": " + e, e);
    }
    if (files.isEmpty() && part.required) {
      throw failure(directory.resolve(part.glob) + " is missing beside libtorch_cpu.so; " + REMEDY, null);
    }
    return files;
  }

  private static void loadLibtorch(Path file, Path libtorch) {
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      // If another class loader of this process has loaded it, the dynamic linker finds that copy by its name.
      if (!String.valueOf(e.getMessage()).contains("already loaded in another classloader")) {
        String remedy = "set FIRESTEEL_LIBTORCH to a copy on another, or spark.local.dir for what came with the job";
        throw unloadable(new Library(file, file.toString(), libtorch), e, remedy, REMEDY);
      }
    }
  }

  private static void loadPacked(Path libtorch) {
    Path copy = null;
    try (InputStream packed = required(RESOURCE)) {
      copy = Files.createTempFile("libfiresteel", ".so");
      Files.copy(packed, copy, StandardCopyOption.REPLACE_EXISTING);
      String remedy = "set -Djava.io.tmpdir to a directory on another, with --driver-java-options and, for executors, "
          + "spark.executor.extraJavaOptions";
      loadFiresteel(new Library(copy, "the jar's " + RESOURCE, libtorch), remedy);
    } catch (IOException e) {
      throw failure(
          "unpack " + RESOURCE + " to " + System.getProperty("java.io.tmpdir") + ": " + e
              + "; set -Djava.io.tmpdir to a directory that can be written",
          e);
    } finally {
      if (copy != null) {
        copy.toFile().delete(); // a loaded library stays mapped without its file
      }
    }
  }

  private static void loadFiresteel(Library library, String elsewhere) {
    try {
      System.load(library.file.toString());
    } catch (UnsatisfiedLinkError e) {
      throw unloadable(library, e, elsewhere, REBUILD);
    }
    String expected = expectedVersion();
    JsonNode found = versions(library.called);
    String crate = found.path("crate").asText();
    if (!crate.equals(expected)) {
      throw failure(
          "libfiresteel.so at " + library.called + " is version " + crate + ", this jar needs " + expected + ": " + REBUILD, null);
    }
    String torch = found.path("libtorch").asText();
    if (!torch.equals(NEEDED)) {
      refuse(library.libtorch, torch, "");
    }
  }

  private static JsonNode versions(String called) {
    try {
      return new ObjectMapper().readTree(Native.version());
    } catch (UnsatisfiedLinkError | JsonProcessingException e) {
      throw failure("libfiresteel.so at " + called + " does not tell its version: " + REBUILD, e);
    }
  }

  private static String expectedVersion() {
    Properties properties = new Properties();
    try (InputStream in = required("io/firesteel/jni/version.properties")) {
      properties.load(in);
    } catch (IOException e) {
      throw failure("read version.properties: " + e, e);
    }
    return properties.getProperty("version");
  }

  /** Null where there is none. Under spark-submit the jar may be visible only to the thread's context class loader. */
  private static InputStream resource(String name) {
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    InputStream own = Loader.class.getClassLoader().getResourceAsStream(name);
    return own == null && context != null ? context.getResourceAsStream(name) : own;
  }

  private static InputStream required(String name) {
    InputStream in = resource(name);
    if (in == null) {
      throw failure("this jar has no " + name + ": " + REBUILD, null);
    }
    return in;
  }

  private static String setting(String property, String variable) {
    String value = System.getProperty(property);
    return value == null ? System.getenv(variable) : value;
  }

  /**
   * A library that the linker refused.
   *
   * @param elsewhere what to do where its file system allows no code
   * @param otherwise what to do where neither that nor the linker's message says more
   */
  private static NativeException unloadable(Library library, UnsatisfiedLinkError e, String elsewhere, String otherwise) {
    String remedy =
        LoadFailure.ofMount(library.file, elsewhere)
            .orElseGet(() -> LoadFailure.of(e.getMessage(), library.libtorch, otherwise));
    return failure("load " + library.called + ": " + e.getMessage() + "; " + remedy, e);
  }

  private static NativeException failure(String message, Throwable cause) {
    return new NativeException(Kind.LIBRARY, message, cause);
  }
}
