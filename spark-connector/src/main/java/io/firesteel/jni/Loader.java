/*
 * Finds and loads libtorch and libfiresteel.so, once in a process, each file by its path and in dependency order: no
 * LD_LIBRARY_PATH is needed. The message of a failure names the file, what is wrong, the places searched and what to
 * do.
 */
package io.firesteel.jni;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** Loads the native library; every failure is a {@link NativeException} of kind {@code library}. */
public final class Loader {
  private static final String LIBTORCH = "libtorch-2.11.0-cpu"; // the directory's name in the cache
  private static final String RESOURCE = "native/linux-x86_64/libfiresteel.so";
  private static final String REMEDY =
      "run scripts/setup on this machine, or set FIRESTEEL_LIBTORCH to a directory with libtorch 2.11.0";

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
          new Part("libtorch_cpu.so", true),
          // a build for CUDA registers its GPUs with libtorch_cpu when these are loaded
          new Part("libc10_cuda.so", false),
          new Part("libtorch_cuda.so", false));

  private static boolean loaded;

  private Loader() {}

  private record Part(String glob, boolean required) {}

  /** Loads the library unless it is loaded, looking for libtorch where {@link #load(List)} does. */
  public static void load() {
    load(List.of());
  }

  /**
   * Loads the library unless it is loaded. libtorch is taken from the directory (or the {@code lib} in it) that the
   * system property {@code firesteel.libtorch} names, or the environment variable FIRESTEEL_LIBTORCH. If neither is
   * set, it is the first of {@code shipped} that exists, or the one that scripts/setup made in FIRESTEEL_CACHE or
   * ~/.cache/firesteel. The system property {@code firesteel.library} or the variable FIRESTEEL_LIBRARY names a
   * libfiresteel.so to use instead of the jar's.
   */
  public static synchronized void load(List<Path> shipped) {
    if (loaded) {
      return;
    }
    Path libtorch = libtorch(shipped);
    for (Part part : PARTS) {
      for (Path file : matching(libtorch, part)) {
        loadLibtorch(file);
      }
    }
    String named = setting("firesteel.library", "FIRESTEEL_LIBRARY");
    if (named == null) {
      loadPacked();
    } else {
      loadFiresteel(Path.of(named).toAbsolutePath(), named);
    }
    loaded = true;
  }

  private static Path libtorch(List<Path> shipped) {
    List<Path> places = new ArrayList<>();
    String named = setting("firesteel.libtorch", "FIRESTEEL_LIBTORCH");
    if (named != null) {
      places.add(Path.of(named)); // an explicit choice is never replaced by another directory
    } else {
      places.addAll(shipped);
      String cache = System.getenv("FIRESTEEL_CACHE");
      Path home = Path.of(System.getProperty("user.home"), ".cache", "firesteel");
      places.add((cache == null ? home : Path.of(cache)).resolve(LIBTORCH));
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
    throw failure("libtorch_cpu.so is missing: looked in " + String.join(", ", searched) + "; " + REMEDY, null);
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

  private static void loadLibtorch(Path file) {
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      // If another class loader of this process has loaded it, the dynamic linker finds that copy by its name.
      if (!String.valueOf(e.getMessage()).contains("already loaded in another classloader")) {
        throw failure("load " + file + ": " + e.getMessage() + "; " + REMEDY, e);
      }
    }
  }

  private static void loadPacked() {
    Path copy = null;
    try (InputStream packed = resource(RESOURCE)) {
      copy = Files.createTempFile("libfiresteel", ".so");
      Files.copy(packed, copy, StandardCopyOption.REPLACE_EXISTING);
      loadFiresteel(copy, "the jar's " + RESOURCE);
    } catch (IOException e) {
      throw failure("unpack " + RESOURCE + " to " + System.getProperty("java.io.tmpdir") + ": " + e, e);
    } finally {
      if (copy != null) {
        copy.toFile().delete(); // a loaded library stays mapped without its file
      }
    }
  }

  private static void loadFiresteel(Path file, String name) {
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      throw failure("load " + name + ": " + e.getMessage() + "; rebuild with scripts/build", e);
    }
    String expected = expectedVersion();
    String found = crateVersion(name);
    if (!found.equals(expected)) {
      throw failure(
          "libfiresteel.so at " + name + " is version " + found + ", this jar needs " + expected
              + ": rebuild with scripts/build",
          null);
    }
  }

  private static String crateVersion(String name) {
    try {
      return new ObjectMapper().readTree(Native.version()).path("crate").asText();
    } catch (UnsatisfiedLinkError | JsonProcessingException e) {
      throw failure("libfiresteel.so at " + name + " does not tell its version: rebuild with scripts/build", e);
    }
  }

  private static String expectedVersion() {
    Properties properties = new Properties();
    try (InputStream in = resource("io/firesteel/jni/version.properties")) {
      properties.load(in);
    } catch (IOException e) {
      throw failure("read version.properties: " + e, e);
    }
    return properties.getProperty("version");
  }

  /** Under spark-submit the jar may be visible only to the thread's context class loader. */
  private static InputStream resource(String name) {
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    InputStream own = Loader.class.getClassLoader().getResourceAsStream(name);
    InputStream in = own == null && context != null ? context.getResourceAsStream(name) : own;
    if (in == null) {
      throw failure("this jar has no " + name + ": rebuild with scripts/build", null);
    }
    return in;
  }

  private static String setting(String property, String variable) {
    String value = System.getProperty(property);
    return value == null ? System.getenv(variable) : value;
  }

  private static NativeException failure(String message, Throwable cause) {
    return new NativeException(Kind.LIBRARY, message, cause);
  }
}
