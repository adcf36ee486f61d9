/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What is known of the host's rules: until when they are in force, or why they may not be. */
final class RulesState {
  private static final Duration FAILURE_HOLDS = Duration.ofSeconds(2);

  private final Duration validity;
  private final LongSupplier nanoTime;
  private final AtomicLong doubts = new AtomicLong();
  private volatile @Nullable Check lastSuccess;
  private volatile @Nullable Instant lastSeen;
  private volatile @Nullable PastFailure lastFailure;

  /**
   * Nothing is known yet.
   *
   * @param validity for how long a check holds, from its beginning
   */
  RulesState(Duration validity, LongSupplier nanoTime) {
    this.validity = validity;
    this.nanoTime = nanoTime;
  }

  /**
   * A check that sets the rules.
   *
   * @param began on the monotonic clock
   * @param doubtsBefore how many doubts there were until then
   */
  record Check(long began, long doubtsBefore) {}

  private record PastFailure(long at, EngineException failure) {}

  Check begin() {
    return new Check(nanoTime.getAsLong(), doubts.get());
  }

  /** A check set the rules; it may have done so before what a later doubt is about. */
  void succeeded(Check check) {
    lastSeen = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    lastSuccess = check;
    lastFailure = null;
  }

  void failed(EngineException failure) {
    lastSuccess = null;
    lastFailure = new PastFailure(nanoTime.getAsLong(), failure);
  }

  /** The rules may be gone. */
  void doubt() {
    doubts.incrementAndGet();
    lastFailure = null;
  }

  /** Whether a check set the rules and nobody has doubted them since it began. */
  boolean isUndoubted() {
    Check check = lastSuccess;
    return check != null && check.doubtsBefore == doubts.get();
  }

  /** Whether that is not long ago. */
  boolean isInForce() {
    Check check = lastSuccess;
    return isUndoubted() && check != null && isValid(check);
  }

  private boolean isValid(Check check) {
    return nanoTime.getAsLong() - check.began <= validity.toNanos();
  }

  /** The failure of a moment ago, which another check would meet again; null if there is none. */
  @Nullable EngineException recentFailure() {
    PastFailure last = lastFailure;
    return last != null
            // the image may have been built since, and pulls are held back already
            && last.failure.kind() != Kind.IMAGE_MISSING
            && nanoTime.getAsLong() - last.at < FAILURE_HOLDS.toNanos()
        ? last.failure
        : null;
  }

  /** Why the rules are not known to be in force; null if they are. */
  @Nullable String problem() {
    if (isUndoubted()) {
      return isInForce() ? null : "was not checked in time, " + seen();
    }
    PastFailure last = lastFailure;
    return last == null ? "is being checked, " + seen() : problem(last.failure);
  }

  /** Only the helper's own report shows that the rules are not in force. */
  String problem(EngineException failure) {
    return failure.kind() == Kind.FIREWALL
        ? "not in force: " + failure.getMessage()
        : "could not be checked, " + seen() + ": " + failure.getMessage();
  }

  private String seen() {
    Instant seen = lastSeen;
    return seen == null ? "not seen in force yet" : "last seen in force at " + seen;
  }
}
