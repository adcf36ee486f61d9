/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Session;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A session that the fold remembers. Its start, its end or both were read. */
final class TrackedSession {
  private final String containerId;
  private final String host;
  private final Rules rules;
  private final UsageWindow uses;
  private String workerId;
  private Duration idleTtl;
  private @Nullable Instant endsAt;
  private @Nullable Announced start;
  private @Nullable Announced lastReady;
  private @Nullable End end;
  private @Nullable Gap gap;
  private @Nullable Gap earlierGap;
  private long busyUntil = Long.MIN_VALUE;
  private @Nullable Announced successor;
  private int ensures;
  private long activities;

  // Each violation is reported once.
  boolean overlapReported;
  boolean endedTwiceReported;
  boolean readyAgainReported;

  /** A ready event that names the container. */
  record Announced(long time, Ready.Outcome outcome, String profile, RecordPosition position) {
    /** Whether the user got the container only now. */
    boolean isBeginning() {
      return outcome != Ready.Outcome.REUSED;
    }

    /** Whether this came first: by offset in the same partition, else by time. */
    boolean isBefore(Announced other) {
      return position.isComparableTo(other.position)
          ? position.offset() < other.position.offset()
          : time < other.time;
    }
  }

  /** A reaped event that names the container, with its record's time and its own fields. */
  record End(
      long time,
      long reapedAt,
      @Nullable Long lastActiveAt,
      RecordPosition position,
      String eventId,
      Reaped.Reason reason,
      String workerId) {
    /**
     * The earlier of its two times: the record may be late because Kafka was away, and the host's
     * clock may be ahead of the brokers' clock.
     */
    long at() {
      return Math.min(time, reapedAt);
    }
  }

  /** A time between two uses that was too long for an idle sandbox. */
  record Gap(UsageWindow.Use from, UsageWindow.Use to) {}

  TrackedSession(String containerId, String host, String workerId, Rules rules) {
    this.containerId = containerId;
    this.host = host;
    this.workerId = workerId;
    this.rules = rules;
    this.idleTtl = rules.ttl();
    this.uses = new UsageWindow(rules.grace().toMillis());
  }

  String containerId() {
    return containerId;
  }

  /** The worker that announced it ready first; before a ready is read, the one that reaped it. */
  String workerId() {
    return workerId;
  }

  @Nullable Announced start() {
    return start;
  }

  /** The last ready event that named it. */
  @Nullable Announced lastReady() {
    return lastReady;
  }

  @Nullable End end() {
    return end;
  }

  /**
   * The last time that it was idle for too long but was used again, until a time; null if never.
   * Retention, which makes earlier ones up, is the least likely to have made it up. The last two
   * are remembered, because one may end with a use after the session's end.
   */
  @Nullable Gap gapUntil(long time) {
    Gap last = gap == null || gap.to().time() <= time ? gap : earlierGap;
    return last == null || last.to().time() <= time ? last : null;
  }

  /**
   * The first ready event of a later session that came after the last one of this open session;
   * null if none did.
   */
  @Nullable Announced successor() {
    return successor;
  }

  /** Notes that another session of the user began. */
  void succeeded(Announced other) {
    if (successor == null && lastReady != null && lastReady.isBefore(other)) {
      successor = other;
    }
  }

  /** The idle TTL of the last ready event that named it, or else that of the rules. */
  Duration idleTtl() {
    return idleTtl;
  }

  /** The end of the last ready event that named it; null if that has none. */
  @Nullable Instant endsAt() {
    return endsAt;
  }

  /** The last use. The start of the session must be known. */
  UsageWindow.Use lastUse() {
    return uses.last();
  }

  UsageWindow.@Nullable Use lastUseAtOrBefore(long time) {
    return uses.lastAtOrBefore(time);
  }

  Announced readied(Ready ready, long time, RecordPosition position) {
    String profile = ready.profile();
    Announced announced =
        new Announced(
            time,
            ready.outcome(),
            ProfileName.isValid(profile) ? profile : Session.Start.UNKNOWN_PROFILE,
            position);
    lastReady = announced;
    successor = null;
    ensures++;
    if (start == null) {
      start = announced;
      workerId = ready.workerId();
      uses.add(time, position);
    } else {
      use(time, position); // judged by the idle TTL that applied until now
    }
    Duration reported = ready.environment().idleTtl();
    idleTtl = reported == null ? rules.ttl() : reported;
    endsAt = ready.endsAt();
    return announced;
  }

  /** Notes an activity. A repeated one counts as use, but not again as activity. */
  void used(long time, RecordPosition position, boolean isRepeated) {
    if (!isRepeated) {
      activities++;
    }
    use(time, position);
  }

  /** The latest time until which a command ran, or may have run. */
  long busyUntil() {
    return busyUntil;
  }

  void busyUntil(long time) {
    busyUntil = Math.max(busyUntil, time);
  }

  /**
   * Notes that a command ran.
   *
   * @param position of the record that proves it; null if it only may have run
   */
  void ran(long from, long to, @Nullable RecordPosition position) {
    if (position != null) {
      use(from, position);
    }
    busyUntil(to);
    if (position != null) {
      uses.add(to, position);
    }
  }

  private void use(long time, RecordPosition position) {
    UsageWindow.Use last = uses.last();
    if (rules.agedBetween(Math.max(last.time(), busyUntil), time) > rules.longestIdle(idleTtl)) {
      earlierGap = gap;
      gap = new Gap(last, new UsageWindow.Use(time, position));
    }
    uses.add(time, position);
  }

  End ended(Reaped reaped, long time, RecordPosition position) {
    Instant active = reaped.lastActiveAt();
    End now =
        new End(
            time,
            reaped.reapedAt().toEpochMilli(),
            active == null ? null : active.toEpochMilli(),
            position,
            reaped.eventId(),
            reaped.reason(),
            reaped.workerId());
    end = now;
    return now;
  }

  Session asSession(UserId user) {
    return new Session(
        user,
        containerId,
        host,
        workerId,
        start == null
            ? null
            : new Session.Start(
                Instant.ofEpochMilli(start.time), start.outcome, start.profile, start.position),
        end == null
            ? null
            : new Session.End(Instant.ofEpochMilli(end.time), end.reason, end.position),
        ensures,
        activities);
  }
}
