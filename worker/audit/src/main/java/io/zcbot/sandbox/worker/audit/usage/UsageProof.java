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
import org.jspecify.annotations.Nullable;

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

  private static final int OLDER_KEPT = 100_000;

  private final Instant from;
  private final Map<Check, Long> inTime = new EnumMap<>(Check.class);
  private final Map<Older, Long> older = new HashMap<>();

  /** The users of the time. Two may share a mark, which leaves in doubt more than need be. */
  private final BitSet users = new BitSet();

  private record Older(Check check, @Nullable UserId user) {}

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
      case Session session -> note(session.user(), session.end());
      case AuditedCommand command -> {
        AuditedCommand.Answer answer = command.answer();
        note(command.user(), command.at());
        note(command.user(), answer == null ? command.at() : answer.at());
      }
      case Violation violation -> add(violation);
      case AuditedEnsure _ -> {}
    }
  }

  private void note(UserId user, @Nullable Instant last) {
    if (last == null || isInTime(last)) {
      users.set(mark(user));
    }
  }

  private void add(Violation violation) {
    if (!PROOF.contains(violation.check())) {
      return;
    }
    Older kind = new Older(violation.check(), violation.user());
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
    Map<Check, Long> all = older(true);
    inTime.forEach((check, times) -> all.merge(check, times, Long::sum));
    return all;
  }

  /** The violations that are too old to matter. */
  public Map<Check, Long> older() {
    return older(false);
  }

  private Map<Check, Long> older(boolean ofUsersInTime) {
    Map<Check, Long> all = new EnumMap<>(Check.class);
    older.forEach(
        (kind, times) -> {
          boolean isUserInTime = kind.user != null && users.get(mark(kind.user));
          if (isUserInTime == ofUsersInTime) {
            all.merge(kind.check, times, Long::sum);
          }
        });
    return all;
  }
}
