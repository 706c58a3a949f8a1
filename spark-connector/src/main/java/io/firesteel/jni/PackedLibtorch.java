/*
 * libtorch from the jar firesteel-linux-x86_64, which has its libraries as resources. They are unpacked once a machine,
 * into a directory that is named by their contents.
 */
package io.firesteel.jni;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The libtorch that the class path carries. */
final class PackedLibtorch implements CacheDirectory.Content {
  private static final String FOLDER = "native/linux-x86_64/libtorch/";
  /** The other files there, as `sha256sum` lists them: a digest, two spaces and a name in each line. */
  private static final String LIST = FOLDER + "SHA256SUMS";

  private static final int DIGITS = 16; // of the digest that is in the directory's name: 64 bits

  private final Function<String, InputStream> resources;
  private final String name;
  private final Map<String, String> digests = new LinkedHashMap<>(); // by file name

  private PackedLibtorch(Function<String, InputStream> resources, byte[] list) {
    this.resources = resources;
    this.name = "libtorch-" + LibtorchVersion.NEEDED + "-" + hex(sha256().digest(list)).substring(0, DIGITS);
    for (String line : new String(list, StandardCharsets.UTF_8).split("\n")) {
      String[] fields = line.split(" {2}", 2);
      digests.put(fields[1], fields[0]);
    }
  }

  /**
   * The libtorch of the class path; empty where that has none.
   *
   * @param resources opens a resource; null where there is none
   */
  static Optional<PackedLibtorch> in(Function<String, InputStream> resources) {
    try (InputStream list = resources.apply(LIST)) {
      return list == null ? Optional.empty() : Optional.of(new PackedLibtorch(resources, list.readAllBytes()));
    } catch (IOException e) {
      throw new NativeException(Kind.LIBRARY, "read the jar's " + LIST + ": " + e, e);
    }
  }

  /**
   * The directory with the libraries, below the first of {@code places} that can be written and from which libraries may
   * be loaded; they are unpacked unless they are there.
   *
   * @throws NativeException of kind library if no place can be used, or the jar is damaged
   */
  Path unpacked(List<Path> places) {
    List<String> refusals = new ArrayList<>();
    for (Path place : places) {
      try {
        CacheDirectory cache = CacheDirectory.open(place);
        Optional<String> noexec = LoadFailure.noexecAt(cache.path());
        if (noexec.isEmpty()) {
          return cache.get(name, this);
        }
        refusals.add(place + ": the file system at " + noexec.get() + " is mounted noexec");
      } catch (IOException e) {
        refusals.add(place + ": " + e);
        if (Thread.currentThread().isInterrupted()) {
          break; // every other place would end in the same
        }
      }
    }
    throw new NativeException(
        Kind.LIBRARY,
        "unpack the jar's libtorch: " + String.join("; ", refusals) + "; set FIRESTEEL_CACHE to a directory with 460 MB left "
            + "that can be written and is not mounted noexec, for executors by spark.executorEnv.FIRESTEEL_CACHE",
        null);
  }

  @Override
  public boolean isWhole(Path directory) {
    return digests.keySet().stream().allMatch(file -> Files.isRegularFile(directory.resolve(file)));
  }

  @Override
  public void make(Path empty) throws IOException {
    for (Map.Entry<String, String> file : digests.entrySet()) {
      String resource = FOLDER + file.getKey();
      MessageDigest digest = sha256();
      try (InputStream packed = resources.apply(resource)) {
        if (packed == null) {
          throw damaged(resource, "it is missing", null);
        }
        copy(resource, new DigestInputStream(packed, digest), empty.resolve(file.getKey()));
      }
      if (!hex(digest.digest()).equals(file.getValue())) {
        throw damaged(resource, "its digest is another", null);
      }
    }
  }

  /** Copies to the disk, so that a machine that loses power has no empty file under a name that says it is whole. */
  private static void copy(String resource, InputStream packed, Path file) throws IOException {
    try (FileOutputStream out = new FileOutputStream(file.toFile())) {
      byte[] buffer = new byte[1 << 16];
      for (int length = read(resource, packed, buffer); length >= 0; length = read(resource, packed, buffer)) {
        out.write(buffer, 0, length);
      }
      out.getFD().sync();
    }
  }

  /** Tells what is wrong with the jar from what is wrong with the disk. */
  private static int read(String resource, InputStream packed, byte[] buffer) {
    try {
      return packed.read(buffer);
    } catch (IOException e) {
      throw damaged(resource, e.toString(), e);
    }
  }

  private static NativeException damaged(String resource, String why, IOException cause) {
    return new NativeException(
        Kind.LIBRARY, "the jar's " + resource + " is damaged: " + why + "; build or copy the jar anew", cause);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
