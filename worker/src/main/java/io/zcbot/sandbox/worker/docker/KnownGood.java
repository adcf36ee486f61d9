package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Container;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Remembers descriptions of containers that were found to be as their spec says. The engine
 * describes a container that nothing happened to in the same words again, and taking them apart
 * takes longer than asking for them.
 */
final class KnownGood {
  private static final JsonFactory JSON = new JsonFactory();

  /** The one field that changes though the container stays what it is. */
  private static final String EXECS = "ExecIDs";

  private final Map<ByteBuffer, Container> containers;

  /**
   * Remembers none yet.
   *
   * @param most how many are remembered; the one longest unused goes first
   */
  KnownGood(int most) {
    this.containers =
        Collections.synchronizedMap(
            new LinkedHashMap<>(16, 0.75f, true) {
              @Override
              protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Container> eldest) {
                return size() > most;
              }
            });
  }

  /**
   * A digest of a description and of all that it is judged by.
   *
   * @param answer the engine's description of a container
   * @throws IOException if it is none
   */
  static ByteBuffer digest(byte[] answer, SandboxSpec spec, UserId user, Path workspace)
      throws IOException {
    MessageDigest digest = sha256();
    digest.update(
        String.join("\n", spec.hash(), user.toString(), workspace.toString(), "")
            .getBytes(StandardCharsets.UTF_8));
    int from = 0;
    try (JsonParser parser = JSON.createParser(answer)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("the engine described a container without a body");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        boolean execs = parser.currentName().equals(EXECS);
        parser.nextToken();
        int value = (int) parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        if (execs) {
          digest.update(answer, from, value - from);
          parser.finishToken();
          from = (int) parser.currentLocation().getByteOffset();
        }
      }
    }
    digest.update(answer, from, answer.length - from);
    return ByteBuffer.wrap(digest.digest());
  }

  /** What was read out of a description; null if it is not known to be a good one. */
  @Nullable Container get(ByteBuffer digest) {
    return containers.get(digest);
  }

  void add(ByteBuffer digest, Container container) {
    containers.put(digest, container);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
