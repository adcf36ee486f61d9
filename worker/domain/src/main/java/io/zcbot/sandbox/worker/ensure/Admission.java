/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.reap.Eviction;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether a container may be created for a user. It limits the rate of new users, the
 * number of sandboxes on the host, and the number of concurrent creates. Called in many users'
 * lanes.
 */
final class Admission {
  private static final Logger log = LoggerFactory.getLogger(Admission.class);
  private static final Duration LOG_INTERVAL = Duration.ofMinutes(1);

  private final NewUsers newUsers;
  private final Capacity capacity;
  private final WarmPool pool;
  private final Eviction eviction;
  private final CreateTurns turns;
  private final Time time;
  private long refused;
  private @Nullable Long refusalLogged;

  Admission(
      NewUsers newUsers,
      Capacity capacity,
      WarmPool pool,
      Eviction eviction,
      CreateTurns turns,
      Time time) {
    this.newUsers = newUsers;
    this.capacity = capacity;
    this.pool = pool;
    this.eviction = eviction;
    this.turns = turns;
    this.time = time;
  }

  /** Whether a container may be created for a user. */
  sealed interface Verdict permits Admitted, Refused {}

  /**
   * It may be created. Closing this gives back the turn, and the place unless it was handed over.
   */
  record Admitted(Reservation reservation, CreateTurns.Turn turn)
      implements Verdict, AutoCloseable {
    @Override
    public void close() {
      turn.close();
      reservation.close();
    }
  }

  /** It may not be created; the reason goes into the answer. */
  record Refused(Failed.Reason reason, String message, boolean retryable)
      implements Verdict, Result {}

  /** Counts the user if new; returns a refusal if there are too many new users, else null. */
  @Nullable Refused refusalOf(UserId user) {
    return newUsers.admit(user) ? null : noRoom(newUsers.refusal());
  }

  /**
   * Waits for a place and a turn to create a container, up to the request's deadline. The user must
   * have passed {@link #refusalOf}.
   */
  Verdict awaitTurn(EnsureRequest request) throws InterruptedException {
    Reservation reservation = reservation(request);
    if (reservation == null) {
      return noRoom(
          "the host runs "
              + capacity.max()
              + " sandboxes, its maximum, and none has been idle long enough to be evicted");
    }
    try (reservation) {
      CreateTurns.Turn turn =
          turns.await(!newUsers.wasServed(request.user()), request.deadline().left(time));
      if (turn != null && request.deadline().left(time) > 0) {
        return new Admitted(reservation.handOver(), turn);
      }
      if (turn != null) { // the machine slept meanwhile
        turn.close();
      }
      return new Refused(
          Failed.Reason.EXPIRED, "the ensure expired while it waited for other creates", true);
    }
  }

  private @Nullable Reservation reservation(EnsureRequest request) throws InterruptedException {
    Reservation free = capacity.tryTakeBehindAll(); // others may wait for places that they freed
    Reservation reservation = free == null ? pool.yieldReservation() : free;
    return reservation == null ? eviction.makeRoom(request.deadline()) : reservation;
  }

  /** Notes that the log has the ready event. */
  void served(EnsureRequest request, Result.Served served) {
    Ready.Outcome outcome = served.outcome();
    newUsers.served(request.user());
    if (outcome != Ready.Outcome.REUSED) {
      pool.arrived(served.sandbox().profile(), request.arrived(), outcome == Ready.Outcome.CLAIMED);
    }
  }

  /** A refusal for want of room. Such refusals are logged at most once a minute. */
  synchronized Refused noRoom(String message) {
    refused++;
    long now = time.nanos();
    Long before = refusalLogged;
    if (before == null || now - before >= LOG_INTERVAL.toNanos()) {
      log.warn("refused {} ensures since the last such message: {}", refused, message);
      refused = 0;
      refusalLogged = now;
    }
    return new Refused(Failed.Reason.CAPACITY, message, true);
  }
}
