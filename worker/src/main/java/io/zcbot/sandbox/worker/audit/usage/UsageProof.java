/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Instant;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Tells which violations put the sums of a time in doubt. The log is read from its beginning: one
 * that is older than the time can't change them, unless its user used something in the time.
 */
public final class UsageProof {
  /** What makes a sum wrong: an end, an exec, an output or an id that is missing or there twice. */
  private static final Set<Check> PROOF =
      EnumSet.of(Check.I1, Check.I4, Check.I11, Check.I12, Check.I14, Check.IDS, Check.UNREADABLE);

  /** There are two to the power of this many marks: a megabyte of bits, however many users. */
  private static final int MARK_BITS = 23;

  /** Of a violation that no user is known of. */
  private static final int NO_MARK = -1;

  private static final int OLDER_KEPT = 100_000;

  private final Instant from;
  private final Map<Check, Long> inTime = new EnumMap<>(Check.class);
  private final Map<Older, Long> older = new HashMap<>();

  /** The users of the time. Two may share a mark, which leaves in doubt more than need be. */
  private final BitSet users = new BitSet();

  private record Older(Check check, int mark) {}

  /**
   * Of a time that reaches to the end of the log.
   *
   * @param from inclusive; {@link Instant#EPOCH} for the beginning of the log
   */
  public UsageProof(Instant from) {
    this.from = from.equals(Instant.EPOCH) ? Instant.MIN : from;
  }

  /** Notes one of the audit's results. */
  public void found(Observation finding) {
    switch (finding) {
      case Session session -> {
        Instant end = session.end();
        if (end == null || isInTime(end)) {
          users.set(mark(session.user()));
        }
      }
      case AuditedCommand command -> {
        AuditedCommand.Answer answer = command.answer();
        if (isInTime(command.at()) || (answer != null && isInTime(answer.at()))) {
          users.set(mark(command.user()));
        }
      }
      case Violation violation -> add(violation);
      case AuditedEnsure _ -> {}
    }
  }

  private void add(Violation violation) {
    if (!PROOF.contains(violation.check())) {
      return;
    }
    UserId user = violation.user();
    Older kind = new Older(violation.check(), user == null ? NO_MARK : mark(user));
    boolean isKept = older.containsKey(kind) || older.size() < OLDER_KEPT;
    if (isKept && !isInTime(violation.until())) {
      older.merge(kind, 1L, Long::sum);
    } else {
      inTime.merge(violation.check(), 1L, Long::sum);
    }
  }

  private boolean isInTime(Instant time) {
    return !time.isBefore(from);
  }

  private static int mark(UserId user) {
    // Each bit of the hash has to count: ids may differ in few characters.
    return (user.hashCode() * 0x9e3779b9) >>> (Integer.SIZE - MARK_BITS);
  }

  /** How often the log contradicts the sums, or may; known once all of it was read. */
  public Map<Check, Long> unproved() {
    Map<Check, Long> all = new EnumMap<>(Check.class);
    all.putAll(inTime);
    count(true, all);
    return all;
  }

  /** The violations that are too old to matter. */
  public Map<Check, Long> older() {
    Map<Check, Long> all = new EnumMap<>(Check.class);
    count(false, all);
    return all;
  }

  private void count(boolean ofUsersInTime, Map<Check, Long> to) {
    older.forEach(
        (kind, times) -> {
          boolean isUserInTime = kind.mark != NO_MARK && users.get(kind.mark);
          if (isUserInTime == ofUsersInTime) {
            to.merge(kind.check, times, Long::sum);
          }
        });
  }
}
