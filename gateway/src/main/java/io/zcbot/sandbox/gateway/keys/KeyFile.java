/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.ProfileName;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * The file with the hashes of the API keys. It is written as a whole, with mode 0600, and replaced
 * by a rename, so that a reader sees either the old or the new content.
 */
public final class KeyFile {
  /** The form of tenants' names. */
  public static final Pattern TENANT = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");

  /** What every key begins with; E2B's clients refuse keys of another form. */
  private static final String PREFIX = "e2b_";

  private static final int KEY_BYTES = 20;
  private static final int ID_BYTES = 4;
  private static final long MAX_BYTES = 16 << 20;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Path path;

  /** Names the file, which need not exist. */
  public KeyFile(Path path) {
    this.path = path;
  }

  /** Names the file in a gateway's directory. */
  public static KeyFile in(Path directory) {
    return new KeyFile(directory.resolve("keys.json"));
  }

  /**
   * What the file has.
   *
   * @param revokedAt when a key of each tenant was revoked last
   */
  record Content(List<ApiKey> keys, Map<String, Instant> revokedAt) {
    Content {
      keys = List.copyOf(keys);
      revokedAt = Map.copyOf(revokedAt);
    }
  }

  /** A new key: its text, which is shown once, and what the file keeps of it. */
  public record Added(String text, ApiKey key) {}

  /**
   * Adds a key.
   *
   * @throws IllegalArgumentException if the tenant's name has not the form {@link #TENANT}
   * @throws IOException if the file can't be read or written
   */
  public Added add(String tenant, int maxSandboxes, int requestsPerSecond) throws IOException {
    return add(tenant, maxSandboxes, requestsPerSecond, 0, 0, Set.of());
  }

  /**
   * Adds a key with all limits.
   *
   * @param profiles the names of the profiles of which sandboxes may be made with the key; empty
   *     for all
   * @throws IllegalArgumentException if the tenant's name has not the form {@link #TENANT}, or a
   *     profile can't have such a name
   * @throws IOException if the file can't be read or written
   */
  public Added add(
      String tenant,
      int maxSandboxes,
      int requestsPerSecond,
      int commandsPerSecond,
      int maxCommands,
      Set<String> profiles)
      throws IOException {
    if (!TENANT.matcher(tenant).matches()) {
      throw new IllegalArgumentException(
          "tenant: '" + tenant + "' is not a name of up to 63 of a-z, 0-9, '.', '_' and '-'");
    }
    for (String profile : profiles) {
      if (!ProfileName.isValid(profile)) {
        throw new IllegalArgumentException(
            "profiles: '" + profile + "' is not a name of " + ProfileName.RULE);
      }
    }
    String text = PREFIX + random(KEY_BYTES);
    ApiKey key =
        new ApiKey(
            random(ID_BYTES),
            tenant,
            hash(text),
            Instant.now().truncatedTo(ChronoUnit.SECONDS),
            maxSandboxes,
            requestsPerSecond,
            commandsPerSecond,
            maxCommands,
            profiles);
    change(
        before -> {
          List<ApiKey> more = new ArrayList<>(before.keys());
          more.add(key);
          return new Content(more, before.revokedAt());
        });
    return new Added(text, key);
  }

  /**
   * Removes a key by its id, and notes when, which makes its tenant's tokens of sandboxes
   * worthless.
   *
   * @return the key; empty if it was not there
   */
  public Optional<ApiKey> revoke(String id) throws IOException {
    List<ApiKey> revoked = new ArrayList<>();
    change(
        before -> {
          List<ApiKey> kept = new ArrayList<>();
          Map<String, Instant> revokedAt = new LinkedHashMap<>(before.revokedAt());
          for (ApiKey key : before.keys()) {
            if (key.id().equals(id)) {
              revoked.add(key);
              revokedAt.put(key.tenant(), Instant.now());
            } else {
              kept.add(key);
            }
          }
          return new Content(kept, revokedAt);
        });
    return revoked.stream().findFirst();
  }

  /** Reads all keys; none if the file does not exist. */
  public List<ApiKey> read() throws IOException {
    return content().keys();
  }

  Content content() throws IOException {
    try {
      if (Files.size(path) > MAX_BYTES) {
        throw new IOException(path + " is longer than 16 MiB: it is not a file of keys");
      }
      List<ApiKey> keys = new ArrayList<>();
      JsonNode root = JSON.readTree(Files.readAllBytes(path));
      for (JsonNode node : root.path("keys")) {
        keys.add(key(node));
      }
      Map<String, Instant> revokedAt = new LinkedHashMap<>();
      root.path("revoked_at")
          .properties()
          .forEach(e -> revokedAt.put(e.getKey(), Instant.parse(e.getValue().asText())));
      return new Content(keys, revokedAt);
    } catch (NoSuchFileException e) {
      return new Content(List.of(), Map.of());
    } catch (com.fasterxml.jackson.core.JacksonException
        | IllegalArgumentException
        | DateTimeException e) {
      throw new IOException(
          path
              + " can't be understood: "
              + e.getMessage()
              + "; restore it, or remove it and add keys with 'sandbox gateway key add'",
          e);
    }
  }

  /** Names the file. */
  public Path path() {
    return path;
  }

  /** Returns the SHA-256 of a key's text, as hexadecimal digits. */
  public static String hash(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every JDK has it
    }
  }

  private static ApiKey key(JsonNode node) {
    String tenant = node.path("tenant").asText();
    String hash = node.path("sha256").asText();
    if (!TENANT.matcher(tenant).matches() || hash.length() != 64) {
      throw new IllegalArgumentException("a key needs tenant and sha256, but one is " + node);
    }
    return new ApiKey(
        node.path("id").asText(),
        tenant,
        hash,
        Instant.parse(node.path("created_at").asText("1970-01-01T00:00:00Z")),
        node.path("max_sandboxes").asInt(),
        node.path("requests_per_second").asInt(),
        node.path("commands_per_second").asInt(),
        node.path("max_commands").asInt(),
        profiles(node));
  }

  /** Reads the profiles of a key, which is not to become a key for all of them by a mistake. */
  private static Set<String> profiles(JsonNode node) {
    JsonNode given = node.path("profiles");
    if (given.isMissingNode()) {
      return Set.of();
    }
    Set<String> profiles = new TreeSet<>();
    given.forEach(each -> profiles.add(each.asText()));
    if (!given.isArray() || profiles.isEmpty()) {
      throw new IllegalArgumentException(
          "profiles of the key " + node.path("id").asText() + " are not a list of names");
    }
    return profiles;
  }

  private void change(UnaryOperator<Content> change) throws IOException {
    Path absolute = path.toAbsolutePath();
    Files.createDirectories(absolute.getParent());
    Path lock = absolute.resolveSibling(absolute.getFileName() + ".lock");
    try (FileChannel channel =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = channel.lock()) {
      ObjectNode root = JSON.createObjectNode();
      ArrayNode array = root.putArray("keys");
      Content changed = change.apply(content());
      for (ApiKey key : changed.keys()) {
        ObjectNode object = array.addObject();
        object
            .put("id", key.id())
            .put("tenant", key.tenant())
            .put("sha256", key.hash())
            .put("created_at", key.createdAt().toString())
            .put("max_sandboxes", key.maxSandboxes())
            .put("requests_per_second", key.requestsPerSecond())
            .put("commands_per_second", key.commandsPerSecond())
            .put("max_commands", key.maxCommands());
        if (!key.profiles().isEmpty()) {
          ArrayNode profiles = object.putArray("profiles");
          new TreeSet<>(key.profiles()).forEach(profiles::add);
        }
      }
      ObjectNode revokedAt = root.putObject("revoked_at");
      changed.revokedAt().forEach((tenant, time) -> revokedAt.put(tenant, time.toString()));
      write(absolute, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root));
    }
  }

  private static void write(Path path, byte[] content) throws IOException {
    Path fresh =
        Files.createTempFile(
            path.getParent(),
            path.getFileName() + ".",
            ".new",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      Files.write(fresh, content);
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  private static String random(int bytes) {
    byte[] random = new byte[bytes];
    RANDOM.nextBytes(random);
    return HexFormat.of().formatHex(random);
  }
}
