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

/**
 * What is known about the host's rules: until when they count as in force, or why they may not be.
 * Thread-safe; nothing blocks.
 */
final class RulesState {
  private static final Duration FAILURE_HOLDS = Duration.ofSeconds(2);

  private final Duration validity;
  private final LongSupplier nanoTime;
  private final AtomicLong doubtedUntil;
  private volatile @Nullable Check lastSuccess;
  private volatile @Nullable Instant lastSeen;
  private volatile @Nullable PastFailure lastFailure;

  /**
   * Creates the state in which nothing is known.
   *
   * @param validity how long a successful check counts, from its beginning
   * @param nanoTime monotonic clock, in nanoseconds
   */
  RulesState(Duration validity, LongSupplier nanoTime) {
    this.validity = validity;
    this.nanoTime = nanoTime;
    this.doubtedUntil = new AtomicLong(now() - 1);
  }

  /**
   * An attempt to set the rules.
   *
   * @param began when it began, by {@link #now}; it may have set the rules at any time since
   */
  record Check(long began) {}

  private record PastFailure(long at, EngineException failure) {}

  Check begin() {
    return new Check(now());
  }

  /** Records that an attempt set the rules. It is void if they were doubted since it began. */
  void succeeded(Check check) {
    lastSeen = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    lastSuccess = check;
    lastFailure = null;
  }

  void failed(EngineException failure) {
    lastSuccess = null;
    lastFailure = new PastFailure(now(), failure);
  }

  /**
   * Records that the rules may be gone, unless an attempt that began later sets them.
   *
   * @param until a moment, by {@link #now}
   */
  void doubt(long until) {
    doubtedUntil.accumulateAndGet(until, (one, other) -> other - one > 0 ? other : one);
    PastFailure last = lastFailure;
    if (last != null && last.at - until <= 0) {
      lastFailure = null;
    }
  }

  /** The time on the monotonic clock, in nanoseconds. */
  long now() {
    return nanoTime.getAsLong();
  }

  /** Whether the last attempt succeeded and the rules were not doubted since it began. */
  boolean isUndoubted() {
    Check check = lastSuccess;
    return check != null && check.began - doubtedUntil.get() > 0;
  }

  /** Whether the rules are undoubted and were set recently enough. */
  boolean isInForce() {
    Check check = lastSuccess;
    return isUndoubted() && check != null && isValid(check);
  }

  private boolean isValid(Check check) {
    return now() - check.began <= validity.toNanos();
  }

  /**
   * Returns the failure of an attempt within the last 2 s, which another attempt would only repeat;
   * null if there is none.
   */
  @Nullable EngineException recentFailure() {
    PastFailure last = lastFailure;
    return last != null
            // a missing image may have been built since, and pulls are limited already
            && last.failure.kind() != Kind.IMAGE_MISSING
            && now() - last.at < FAILURE_HOLDS.toNanos()
        ? last.failure
        : null;
  }

  /** Returns why the rules are not known to be in force; null if they are. */
  @Nullable String problem() {
    if (isUndoubted()) {
      return isInForce() ? null : "was not checked in time, " + seen();
    }
    PastFailure last = lastFailure;
    return last == null ? "is being checked, " + seen() : problem(last.failure);
  }

  /**
   * Describes a failure. Only a failure that the helper itself reported shows that the rules are
   * not in force.
   */
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
