/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import java.util.Locale;

/**
 * What is checked. Each says what the log can prove and what not.
 *
 * <p>Times are record times: of ensure and activity the brokers' (LogAppendTime), of the rest the
 * publishing worker's clock, unless those topics too are set to LogAppendTime, which makes every
 * comparison below one of a single clock. Where two topics are compared, records closer than {@code
 * Rules.skew} count as simultaneous; a clock that is further off makes the checks blind rather than
 * wrong where that is possible, and is counted ({@link Summary.Ensures#answersBeforeEnsure}).
 * Sessions are paired by container id, never by time.
 *
 * <p>Order within the fold: topics are merged by record time. Only memory depends on it, as long as
 * a user's records are not further apart than {@code Rules.window}.
 */
public enum Check {
  /**
   * Two sessions of one user at a time. Two sessions overlap from the younger one's first ready to
   * the end of whichever ended first, an end being the earlier of a reaped's record time and its
   * {@code reaped_at}. Of two readys in one partition the lower offset is the older, else the lower
   * time. It is a violation if they overlap by more than the skew, where the same worker announced
   * both, or by more than skew and grace where two workers did: one that lost the user's partition
   * has that long to notice. A ready that names the older container again after the younger's ready
   * counts as a sign of life of the older.
   *
   * <p>Proves what was announced. A container nobody announced is not seen, nor one that ran on
   * after its host was announced lost, nor how long a container ran on whose end was never
   * announced: that is {@link #I4}.
   */
  I1,
  /**
   * An ensure that no ready and no failed names although its expiry and the grace are over at the
   * end. The expiry is its {@code expires_at}, or the rules' from its record time on, and ten
   * minutes at most. Can't tell a lost ensure from one that waits for a worker to come back; both
   * are named. An answer may name an ensure that is not in the log (cut off by retention): counted.
   * An ensure that is a dead letter has no answer.
   *
   * <p>Also an ensure that names a profile, and whose ready has another one.
   */
  I2,
  /**
   * A session announced ready whose end was not announced exactly once: no reaped at the end of the
   * log although a later session of the user was announced, or although its worker announced the
   * purge of its previous run's containers after it (a purge removes all of them, before anything
   * new is served; not judged for workers that adopt, {@code Rules.purgesAtStart}); a second reaped
   * under another event id; a ready that names a container that was announced reaped before. A
   * reaped repeated under the same id is a redelivery, and counted.
   *
   * <p>Can't tell a sandbox that runs from one that vanished with its host for ever, while neither
   * the user nor the worker comes back. With records of one user only, the worker's purge is seen
   * only if it is this user's.
   */
  I4,
  /**
   * Reaped as idle although in use: an activity or a ready lies less than the TTL, minus the skew,
   * before the reap, yet more than the grace before it (the worker judges by what it had read a
   * moment ago, so the latest uses may have been under way). It must be so by the reaped's record
   * time and by its {@code reaped_at} both. Can't see use that left no record: what runs in a
   * sandbox without an exec event and without activity.
   *
   * <p>Also reaped for the end that an ensure set ({@code ends_at}), though the last ready has
   * none, or a later one, by more than the skew.
   */
  I5,
  /**
   * Idle for longer than the TTL, two intervals, grace and skew, without being reaped: until the
   * end of the log, until a late reaped, or until its next use. Uses are activity, ready, and what
   * a reaped says in {@code last_active_at}, and the time in which a command ran; time within a
   * known outage ({@code Rules.outages}) and in the 30 s after it, in which the low watermark holds
   * still, doesn't count. Not judged where the session ended purged, lost, moved or by shutdown:
   * then its worker was not there to reap it. Not judged where retention may have deleted a use, or
   * the exec of a command that may still have run. Can't see what ran without an exec event and
   * without activity, and takes it for idleness; nor can it tell a worker that is down.
   *
   * <p>Also a sandbox that outlived the end that the last ready has by more than two intervals,
   * grace and skew, in use or not.
   */
  I6,
  /**
   * An exec that no exited names although its expiry, its time-out and the grace are over at the
   * end, or that two exited name under two event ids. The expiry is as an ensure's ({@link #I2});
   * the time-out is the exec's, or the workers' default. An exited repeated under the same id is a
   * redelivery, and counted. An answer may name an exec that is not in the log: counted. An exec
   * that is a dead letter has no answer.
   */
  I11,
  /**
   * A command that was started twice: two started or exited of one exec tell of different starts,
   * by their {@code started_at}, container or process id. Can't see a start that was never
   * announced.
   */
  I12,
  /**
   * Output of a streamed command that is missing: a gap in {@code seq}, or fewer outputs than its
   * exited counts. Can't see output that is in none of the events, nor what it should have been.
   */
  I14,
  /**
   * One event id, two different events, so that a consumer that drops duplicates loses one: another
   * topic, another ensure or exec, another container. Looked for among a user's last 128 ids;
   * activities are only counted as duplicates, by their last 32. The same event repeated is a
   * redelivery, and counted. Ids used by two users are not seen.
   */
  IDS,
  /**
   * A record that is no event: in an output topic always; in an input topic if no dead letter names
   * it once expiry and grace are over.
   */
  UNREADABLE;

  /** As the reports spell it. */
  public String label() {
    return switch (this) {
      case I1, I2, I4, I5, I6, I11, I12, I14 -> name();
      case IDS, UNREADABLE -> name().toLowerCase(Locale.ROOT);
    };
  }
}
