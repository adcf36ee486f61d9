/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which records behind a committed offset are complete. The metadata of the commit carries this to
 * the partition's next owner, so that it does not answer those records again, perhaps differently.
 *
 * <p>The text is {@value #PREFIX} and, in Base64, for each run of complete records: the distance
 * from the end of the previous run, and its length with a flag in the lowest bit that says whether
 * the leader's epoch follows. All are variable-length numbers.
 *
 * @param runs in the order of their offsets
 */
record CompletedOffsets(List<Run> runs) {
  static final CompletedOffsets NONE = new CompletedOffsets(List.of());

  /** The most that brokers accept in a commit by default ({@code offset.metadata.max.bytes}). */
  static final int MAX_CHARS = 4096;

  /** The number of runs that fit if they are close to each other: six bytes each. */
  static final int FITTING = 500;

  private static final Logger log = LoggerFactory.getLogger(CompletedOffsets.class);
  private static final String PREFIX = "done1:";

  /**
   * Consecutive records that are complete. Offsets between them that belong to no record are
   * included.
   *
   * @param epoch of the leader that appended them; an offset alone does not identify a record for
   *     good, because an unclean election removes records and reuses their offsets
   */
  record Run(long first, long last, int epoch) {}

  /** Collects runs in the order of their offsets; adjacent runs are merged. */
  static final class Builder {
    private final List<Run> runs = new ArrayList<>();
    private boolean isOpen;

    /** The next record is complete. */
    Builder complete(Run run) {
      Run before = runs.isEmpty() ? null : runs.getLast();
      if (isOpen && before != null && before.epoch == run.epoch) {
        runs.set(runs.size() - 1, new Run(before.first, run.last, run.epoch));
      } else {
        runs.add(run);
      }
      isOpen = true;
      return this;
    }

    /** The next record is not complete. */
    Builder gap() {
      isOpen = false;
      return this;
    }

    CompletedOffsets build() {
      return runs.isEmpty() ? NONE : new CompletedOffsets(List.copyOf(runs));
    }
  }

  boolean contains(long offset, int epoch) {
    int low = 0;
    int high = runs.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Run run = runs.get(middle);
      if (offset < run.first) {
        high = middle - 1;
      } else if (offset > run.last) {
        low = middle + 1;
      } else {
        return run.epoch == epoch;
      }
    }
    return false;
  }

  /**
   * Encodes as many runs as fit, beginning with the first.
   *
   * @param committed the offset that is committed with them
   */
  String encode(long committed, int maxChars) {
    int room = (maxChars - PREFIX.length()) / 4 * 3;
    if (runs.isEmpty() || room <= 0) {
      return "";
    }
    ByteBuffer out = ByteBuffer.allocate(room + 30);
    int fitting = 0;
    long end = committed;
    int epoch = 0;
    for (Run run : runs) {
      put(out, run.first - end);
      boolean sameEpoch = run.epoch == epoch;
      put(out, ((run.last - run.first) << 1) | (sameEpoch ? 0 : 1));
      if (!sameEpoch) {
        put(out, run.epoch + 1L); // -1 if unknown
      }
      if (out.position() > room) {
        break;
      }
      fitting = out.position();
      end = run.last + 1;
      epoch = run.epoch;
    }
    return fitting == 0
        ? ""
        : PREFIX
            + new String(
                Base64.getEncoder().withoutPadding().encode(out.flip().limit(fitting)).array(),
                StandardCharsets.ISO_8859_1);
  }

  /** Decodes what {@link #encode} wrote; anything else yields {@link #NONE}. */
  static CompletedOffsets decode(long committed, String metadata) {
    if (!metadata.startsWith(PREFIX)) {
      return NONE;
    }
    try {
      ByteBuffer in =
          ByteBuffer.wrap(Base64.getDecoder().decode(metadata.substring(PREFIX.length())));
      List<Run> runs = new ArrayList<>();
      long end = committed;
      int epoch = 0;
      while (in.hasRemaining()) {
        long first = Math.addExact(end, get(in));
        long length = get(in);
        if ((length & 1) == 1) {
          epoch = Math.toIntExact(get(in) - 1);
        }
        long last = Math.addExact(first, length >>> 1);
        runs.add(new Run(first, last, epoch));
        end = last + 1;
      }
      return new CompletedOffsets(List.copyOf(runs));
    } catch (IllegalArgumentException | BufferUnderflowException | ArithmeticException e) {
      log.warn(
          "the metadata of a commit can't be read, its records are read again: {}", e.toString());
      return NONE;
    }
  }

  private static void put(ByteBuffer out, long number) {
    long left = number;
    while ((left & ~0x7FL) != 0) {
      out.put((byte) ((left & 0x7F) | 0x80));
      left >>>= 7;
    }
    out.put((byte) left);
  }

  private static long get(ByteBuffer in) {
    long number = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      byte next = in.get();
      number |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return number;
      }
    }
    throw new ArithmeticException("a number of more than 63 bits");
  }
}
