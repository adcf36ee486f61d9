/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Adds up the sessions and commands that the audit reports. A sandbox lasts from the record of its
 * first ready to that of its reaped, and counts as one where it begins; a command counts where its
 * exited was recorded.
 */
public final class UsageFold {
  private final By by;
  private final Instant from;
  private final Instant to;
  private final Supplier<Instant> logEnd;
  private final UsageSums sums;
  private Used total = Used.NOTHING;
  private long open;
  private long withoutBeginning;
  private long withoutCpu;

  /** What the sums are made for. */
  public enum By {
    USER,
    /** Of UTC; a sandbox over midnight is divided. */
    DAY,
    /** What sandboxes are made of. */
    PROFILE
  }

  /**
   * A fold of a time.
   *
   * @param from inclusive
   * @param to exclusive
   * @param logEnd up to when the log tells whether a sandbox lasted, known once it was read
   * @param sums receives them
   */
  public UsageFold(By by, Instant from, Instant to, Supplier<Instant> logEnd, UsageSums sums) {
    this.by = by;
    this.from = from;
    this.to = to;
    this.logEnd = logEnd;
    this.sums = sums;
  }

  /** Adds what one of the audit's results says. */
  public void found(Observation finding) {
    switch (finding) {
      case Session session -> add(session);
      case AuditedCommand command -> add(command);
      case AuditedEnsure _, Violation _ -> {}
    }
  }

  private void add(Session session) {
    Session.Start start = session.ready();
    Instant end = session.end();
    if (end != null && !end.isAfter(from)) {
      return;
    }
    boolean begins = start != null && start.outcome() != Ready.Outcome.REUSED;
    if (!begins && (start == null || start.time().isAfter(from))) {
      withoutBeginning++;
    }
    if (start == null) {
      return;
    }
    if (begins && isWithin(start.time())) {
      boolean isClaim = start.outcome() == Ready.Outcome.CLAIMED;
      add(session.user(), start.profile(), start.time(), new Used(1, isClaim ? 1 : 0, 0, 0, 0, 0));
    }
    Instant first = start.time().isBefore(from) ? from : start.time();
    Instant known = end == null ? logEnd.get() : end;
    Instant last = known.isAfter(to) ? to : known;
    if (first.isBefore(last)) {
      lasted(session.user(), start.profile(), first, last);
    }
    if (end == null && start.time().isBefore(to)) {
      open++;
    }
  }

  private void lasted(UserId user, String profile, Instant first, Instant last) {
    Instant at = first;
    while (by == By.DAY && day(at).isBefore(day(last))) {
      Instant midnight = day(at).plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant();
      add(user, profile, at, time(at, midnight));
      at = midnight;
    }
    // A time that ends at midnight has nothing of the day that begins there.
    if (at.isBefore(last)) {
      add(user, profile, at, time(at, last));
    }
  }

  private static Used time(Instant from, Instant to) {
    return new Used(0, 0, to.toEpochMilli() - from.toEpochMilli(), 0, 0, 0);
  }

  private void add(AuditedCommand command) {
    AuditedCommand.Answer answer = command.answer();
    if (answer == null || answer.site().containerId() == null || !isWithin(answer.at())) {
      return;
    }
    Long cpu = answer.cpuMs();
    if (cpu == null) {
      withoutCpu++;
    }
    long cpuMs = cpu == null ? 0 : cpu;
    Used used = new Used(0, 0, 0, 1, cpuMs, answer.output().bytes());
    add(command.user(), answer.profile(), answer.at(), used);
  }

  private boolean isWithin(Instant time) {
    return !time.isBefore(from) && time.isBefore(to);
  }

  private void add(UserId user, @Nullable String profile, Instant at, Used used) {
    total = total.plus(used);
    String key =
        switch (by) {
          case USER -> user.toString();
          case DAY -> day(at).toString();
          case PROFILE -> profile == null ? Session.Start.UNKNOWN_PROFILE : profile;
        };
    sums.add(key, used);
  }

  private static LocalDate day(Instant time) {
    return LocalDate.ofInstant(time, ZoneOffset.UTC);
  }

  /** The sum of all sums. */
  public Used total() {
    return total;
  }

  /** How many sandboxes were there at the end of the time. */
  public long open() {
    return open;
  }

  /** How many sandboxes are older than what the log has of them. */
  public long withoutBeginning() {
    return withoutBeginning;
  }

  /** How many commands have no processor time. */
  public long withoutCpu() {
    return withoutCpu;
  }
}
