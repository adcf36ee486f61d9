/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.UserId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds what a client does at the same time. Requests are admitted in the order in which they
 * come. Each user gets a limited share of the memory; a command that exceeds it waits for commands
 * of the same user, and holds up nobody else meanwhile.
 */
final class Limits {
  static final int MOST_REQUESTS = 1_000_000;
  static final long MOST_BYTES = 1L << 40;

  private static final int UNIT = 1024;

  private static final String NO_MEMORY =
      " commands that run may write as much as this client may keep of them; no room for another"
          + " one before its deadline, see ClientOptions.maxBufferedBytes";
  private static final String TOO_MANY =
      "too many requests of this client wait for their answer, see ClientOptions.maxInFlight; no"
          + " turn before the deadline for ";

  /** So many users have room for their commands at the same time, whatever they run. */
  private static final int USERS = 4;

  private final Semaphore requests;
  private final Semaphore memory;
  private final int unitsOfUser;
  private final Map<UserId, Share> shares = new ConcurrentHashMap<>();
  private final ClientMetrics metrics;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  /**
   * The memory for one user's commands.
   *
   * @param requests how many of the user's requests have a part of it or wait for one
   */
  private record Share(Semaphore memory, int requests) {}

  Limits(ClientOptions options) {
    int units = (int) (options.maxBufferedBytes() / UNIT);
    this.requests = new Semaphore(options.maxInFlight(), true);
    this.memory = new Semaphore(units, true);
    this.unitsOfUser = Math.max(units / USERS, Command.MAX_OUTPUT / UNIT);
    this.metrics = options.metrics();
  }

  /** Lets all waiters pass. What they do next fails because the client is closed. */
  void close() {
    if (isClosed.getAndSet(true)) {
      return; // a semaphore has no room for these permits again and again
    }
    requests.release(MOST_REQUESTS);
    memory.release(Integer.MAX_VALUE / 4);
    shares.values().forEach(share -> share.memory().release(Integer.MAX_VALUE / 4));
  }

  /** Returns how many users have requests. */
  int users() {
    return shares.size();
  }

  /**
   * Waits for a turn, which lasts until it is closed.
   *
   * @param bytes how many bytes of output the request may bring
   * @throws ClientOverloadedException if there is no turn before the deadline
   */
  Resources enter(Request request, UserId user, int bytes, Deadline deadline)
      throws InterruptedException {
    int units = (bytes + UNIT - 1) / UNIT;
    Resources turn = new Resources();
    boolean isEntered = false;
    try {
      take(units, share(user, turn), deadline, turn, "the user's" + NO_MEMORY);
      take(1, requests, deadline, turn, TOO_MANY + request);
      take(units, memory, deadline, turn, "all" + NO_MEMORY);
      metrics.inFlight(1);
      turn.add(() -> metrics.inFlight(-1));
      isEntered = true;
      return turn;
    } finally {
      if (!isEntered) {
        turn.close();
      }
    }
  }

  /** Returns the memory for a user's commands. It is forgotten when nobody uses it any more. */
  private Semaphore share(UserId user, Resources turn) {
    Share share =
        shares.compute(
            user,
            (u, known) ->
                known == null
                    ? new Share(new Semaphore(unitsOfUser, true), 1)
                    : new Share(known.memory(), known.requests() + 1));
    turn.add(
        () ->
            shares.computeIfPresent(
                user,
                (u, known) ->
                    known.requests() == 1
                        ? null
                        : new Share(known.memory(), known.requests() - 1)));
    return share.memory();
  }

  private void take(
      int permits, Semaphore from, Deadline deadline, Resources turn, String otherwise)
      throws InterruptedException {
    if (permits == 0 || isClosed.get()) {
      return;
    }
    if (!from.tryAcquire(permits, deadline.nanosLeft(), TimeUnit.NANOSECONDS)) {
      throw new ClientOverloadedException(otherwise);
    }
    turn.add(() -> from.release(permits));
  }
}
