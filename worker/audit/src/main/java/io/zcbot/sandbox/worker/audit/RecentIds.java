/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The event ids of a user's latest records. They are kept as digests, since they are most of what
 * is remembered of a user. Agents choose ids, so the digest is cryptographic: nobody can construct
 * ids with the same digest.
 */
final class RecentIds {
  private static final Topic[] TOPICS = Topic.values();
  private static final int FIRST = 4;

  // Of each id: two longs of its digest, one of what it is about, one of topic and partition, its
  // offset.
  private static final int LONGS = 5;

  private final int kept;
  private long[] claims = new long[FIRST * LONGS];
  private int count;
  private int eldest;

  /** What an id was used for: the ensure and the container that its event names; empty if none. */
  record Claim(String ensureId, String containerId, RecordPosition position) {
    private long about() {
      return ensureId.isEmpty() && containerId.isEmpty()
          ? 0
          : digest(ensureId.length() + ":" + ensureId + containerId).getLong();
    }
  }

  /**
   * An earlier use of an id.
   *
   * @param isSame whether it was by the same event
   */
  record Earlier(boolean isSame, RecordPosition position) {}

  RecentIds(int kept) {
    this.kept = kept;
  }

  /** Claims an id for an event; returns the previous claim, or null. */
  @Nullable Earlier claim(String id, Claim claim) {
    ByteBuffer digest = digest(id);
    long one = digest.getLong();
    long two = digest.getLong();
    for (int i = 0; i < count; i++) {
      int at = i * LONGS;
      if (claims[at] == one && claims[at + 1] == two) {
        RecordPosition position = position(at);
        boolean isSame =
            claims[at + 2] == claim.about() && position.topic() == claim.position.topic();
        if (!isSame) {
          put(at, one, two, claim);
        }
        return new Earlier(isSame, position);
      }
    }
    put(index() * LONGS, one, two, claim);
    return null;
  }

  /** The index of the next id: a new one, or that of the eldest. */
  private int index() {
    if (count == kept) {
      int index = eldest;
      eldest = (eldest + 1) % kept;
      return index;
    }
    if ((count + 1) * LONGS > claims.length) {
      claims = Arrays.copyOf(claims, Math.min(2 * count, kept) * LONGS);
    }
    return count++;
  }

  @SuppressWarnings("EnumOrdinal") // the ordinal never leaves the process
  private void put(int at, long one, long two, Claim claim) {
    RecordPosition position = claim.position;
    claims[at] = one;
    claims[at + 1] = two;
    claims[at + 2] = claim.about();
    claims[at + 3] = (long) position.topic().ordinal() << Integer.SIZE | position.partition();
    claims[at + 4] = position.offset();
  }

  private RecordPosition position(int at) {
    return new RecordPosition(
        TOPICS[(int) (claims[at + 3] >>> Integer.SIZE)], (int) claims[at + 3], claims[at + 4]);
  }

  private static ByteBuffer digest(String text) {
    try {
      return ByteBuffer.wrap(
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has it", e);
    }
  }
}
