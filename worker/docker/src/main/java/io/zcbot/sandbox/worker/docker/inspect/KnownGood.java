/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Recent;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Remembers digests of descriptions of containers that conform to a spec. The engine describes an
 * unchanged container in the same bytes again, and parsing them takes longer than getting them. Any
 * change other than of the execs, or of a slot's name at its claim, requires a new comparison.
 * Thread-safe.
 */
final class KnownGood {
  private static final JsonFactory JSON = new JsonFactory();

  /** The only field that changes while a container stays as it was created. */
  private static final String EXECS = "ExecIDs";

  private static final byte[] NO_EXECS = "null".getBytes(StandardCharsets.US_ASCII);

  private final String workerId;
  private final Map<ByteBuffer, Container> sandboxes;
  private final Map<ByteBuffer, Parked> parked;

  private record Parked(Container container, Path directory) {}

  /**
   * Creates an empty memory.
   *
   * @param most maximum number of descriptions; the least recently used is dropped first
   */
  KnownGood(String workerId, int most) {
    this.workerId = workerId;
    this.sandboxes = Collections.synchronizedMap(Recent.mapByUse(most));
    this.parked = Collections.synchronizedMap(Recent.mapByUse(most));
  }

  /**
   * Returns the container that a description is about; null if the description is not known to
   * conform.
   *
   * @param answer the engine's description of a container
   * @throws IOException if it is not a JSON object
   */
  @Nullable Container find(byte[] answer, UserId user, Path workspace) throws IOException {
    ByteBuffer exact = exactly(answer, user, workspace);
    Container known = sandboxes.get(exact);
    if (known == null) {
      ByteBuffer quiet = butForExecs(answer, user, workspace);
      known = sandboxes.get(quiet);
      if (known == null) {
        known = claimed(answer, user, workspace);
        if (known == null) {
          return null;
        }
        sandboxes.put(quiet, known);
      }
      sandboxes.put(exact, known);
    }
    return known;
  }

  /** Remembers that a description conforms for this user and workspace. */
  void add(byte[] answer, UserId user, Path workspace, Container container) throws IOException {
    sandboxes.put(exactly(answer, user, workspace), container);
    sandboxes.put(butForExecs(answer, user, workspace), container);
  }

  /**
   * Remembers that an idle slot conforms. It still does once it is claimed if only its name
   * changed.
   */
  void addParked(byte[] answer, Container slot, Path directory) {
    parked.put(butForName(answer, slot.name()), new Parked(slot, directory));
  }

  /**
   * Returns the container of a remembered slot that the user has claimed since; null if it is none.
   * Each slot is found once.
   */
  private @Nullable Container claimed(byte[] answer, UserId user, Path workspace)
      throws IOException {
    Path root = workspace.getParent();
    if (parked.isEmpty() || root == null) {
      return null;
    }
    String name = Container.nameOf(user);
    Parked was = parked.remove(butForName(answer, name));
    if (was == null) { // the exec of the slot's entrance may not have ended
      was = parked.remove(butForName(withoutExecs(answer), name));
    }
    if (was == null) {
      return null;
    }
    String slot = was.container.ourSlot();
    if (slot == null || !SlotMounts.directory(root, workerId).resolve(slot).equals(was.directory)) {
      return null;
    }
    return was.container.claimedBy(user);
  }

  private static MessageDigest judgedBy(UserId user, Path workspace) {
    MessageDigest digest = sha256();
    digest.update((user + "\n" + workspace + "\n").getBytes(StandardCharsets.UTF_8));
    return digest;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Digest of a description as it is, the user and the workspace. */
  private static ByteBuffer exactly(byte[] answer, UserId user, Path workspace) {
    MessageDigest digest = judgedBy(user, workspace);
    return ByteBuffer.wrap(digest.digest(answer));
  }

  /** Digest of a description without its execs, the user and the workspace. */
  static ByteBuffer butForExecs(byte[] answer, UserId user, Path workspace) throws IOException {
    MessageDigest digest = judgedBy(user, workspace);
    digest.update((byte) 0); // so that it never equals the digest of a complete description
    return ByteBuffer.wrap(digest.digest(withoutExecs(answer)));
  }

  /** Returns a description with the list of execs replaced by null. */
  private static byte[] withoutExecs(byte[] answer) throws IOException {
    ByteArrayOutputStream without = new ByteArrayOutputStream(answer.length);
    int from = 0;
    try (JsonParser parser = JSON.createParser(answer)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("the engine's description of a container is empty");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        boolean execs = parser.currentName().equals(EXECS);
        parser.nextToken();
        int value = (int) parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        if (execs) {
          without.write(answer, from, value - from);
          without.writeBytes(NO_EXECS);
          parser.finishToken();
          from = (int) parser.currentLocation().getByteOffset();
        }
      }
    }
    without.write(answer, from, answer.length - from);
    return without.toByteArray();
  }

  /** Digest of a slot's description that does not depend on the container's name. */
  static ByteBuffer butForName(byte[] answer, String name) {
    MessageDigest digest = sha256();
    byte[] own = name.getBytes(StandardCharsets.UTF_8);
    int from = 0;
    for (int at = indexOf(answer, own, from); at >= 0; at = indexOf(answer, own, from)) {
      digest.update(answer, from, at - from);
      digest.update((byte) 0); // replaces the name; JSON has no such byte
      from = at + own.length;
    }
    digest.update(answer, from, answer.length - from);
    return ByteBuffer.wrap(digest.digest());
  }

  private static int indexOf(byte[] in, byte[] what, int from) {
    for (int at = from; at <= in.length - what.length; at++) {
      if (in[at] == what[0] && Arrays.equals(in, at, at + what.length, what, 0, what.length)) {
        return at;
      }
    }
    return -1;
  }
}
