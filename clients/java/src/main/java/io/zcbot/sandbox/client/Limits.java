/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Bounds what a client does at the same time. Requests are admitted in the order in which they
 * come. Each user gets a limited share of the memory and of the commands that workers take; a
 * command that exceeds it waits for commands of the same user, and holds up nobody else meanwhile.
 */
final class Limits implements Transcript.Spare {
  static final int MOST_REQUESTS = 1_000_000;
  static final long MOST_BYTES = 1L << 40;

  /**
   * How many commands of a user are published at a time. Workers run 8 by default and let 64 others
   * wait; they refuse what comes then, and a refused command can be repeated only when its exec has
   * expired. This stays below whatever their operator has set, and keeps all that run busy.
   */
  static final int COMMANDS_OF_USER = 64;

  /** How many further commands of a user wait in this client. */
  static final int WAITING_OF_USER = 1000;

  private static final int UNIT = 1024;

  private static final String NO_TURN =
      COMMANDS_OF_USER
          + " commands of the user run or wait in the sandbox already, and none of them ended"
          + " before this one's deadline; give it more time with Command.startWithin, or run fewer"
          + " at a time";
  private static final String QUEUE_FULL =
      WAITING_OF_USER
          + " commands of the user wait in this client already, and as many as workers take run or"
          + " wait in the sandbox; run fewer at a time";

  private static final String NO_MEMORY =
      " commands that run may write as much as this client may keep of them; no room for another"
          + " one before its deadline, see ClientOptions.maxBufferedBytes";
  private static final String TOO_MANY =
      "too many requests of this client wait for their answer, see ClientOptions.maxInFlight; no"
          + " turn before the deadline for ";

  /** So many users have room for their commands at the same time, whatever they run. */
  private static final int USERS = 4;

  private static final String SHARE =
      "the tenant's commands and requests that run have as much room in this client as they leave"
          + " to others; run fewer at a time, or try again when one has ended";

  private final Semaphore requests;
  private final Semaphore memory;
  private final SharedPermits requestsOfTenants;
  private final SharedPermits memoryOfTenants;

  /** Whose requests come in through this object; null if they are nobody's in particular. */
  private final @Nullable String tenant;

  /** What commands that take more than their share leave to others. */
  private final int unitsLeft;

  private final int unitsOfUser;
  private final Map<UserId, Share> shares;
  private final ClientMetrics metrics;
  private final AtomicBoolean isClosed;

  /**
   * The share of one user.
   *
   * @param turns for the user's commands, one each
   * @param requests how many of the user's requests have a part of it or wait for one
   */
  private record Share(Semaphore memory, Semaphore turns, int requests) {
    Share(int units) {
      this(new Semaphore(units, true), new Semaphore(COMMANDS_OF_USER, true), 0);
    }

    Share with(int more) {
      return new Share(memory, turns, requests + more);
    }

    void close() {
      memory.release(Integer.MAX_VALUE / 4);
      turns.release(Integer.MAX_VALUE / 4);
    }
  }

  Limits(ClientOptions options) {
    this(options, SharedPermits.PATIENCE);
  }

  /**
   * Creates limits.
   *
   * @param patience how long a tenant that has its share waits for more
   */
  Limits(ClientOptions options, Duration patience) {
    int units = (int) (options.maxBufferedBytes() / UNIT);
    this.requests = new Semaphore(options.maxInFlight(), true);
    this.memory = new Semaphore(units, true);
    this.requestsOfTenants = new SharedPermits(requests, patience);
    this.memoryOfTenants = new SharedPermits(memory, patience);
    this.tenant = null;
    this.shares = new ConcurrentHashMap<>();
    this.isClosed = new AtomicBoolean();
    this.unitsLeft = units / 2;
    this.unitsOfUser = Math.max(units / USERS, Command.MAX_OUTPUT / UNIT);
    this.metrics = options.metrics();
  }

  private Limits(Limits all, String tenant) {
    this.requests = all.requests;
    this.memory = all.memory;
    this.requestsOfTenants = all.requestsOfTenants;
    this.memoryOfTenants = all.memoryOfTenants;
    this.tenant = tenant;
    this.shares = all.shares;
    this.isClosed = all.isClosed;
    this.unitsLeft = all.unitsLeft;
    this.unitsOfUser = all.unitsOfUser;
    this.metrics = all.metrics;
  }

  /** Returns the same limits for requests of a tenant. */
  Limits of(String tenant) {
    return new Limits(this, tenant);
  }

  /** Lets all waiters pass. What they do next fails because the client is closed. */
  void close() {
    if (isClosed.getAndSet(true)) {
      return; // a semaphore has no room for these permits again and again
    }
    requestsOfTenants.give(MOST_REQUESTS);
    memoryOfTenants.give(Integer.MAX_VALUE / 4);
    shares.values().forEach(Share::close);
  }

  /** Returns how many users have requests. */
  int users() {
    return shares.size();
  }

  /**
   * Waits for a turn, which lasts until it is closed.
   *
   * @param bytes how many bytes of output the request may bring
   * @throws ClientOverloadedException if there is no turn before the deadline, or too many of the
   *     user's commands wait for one already
   */
  Resources enter(Request request, UserId user, int bytes, Deadline deadline)
      throws InterruptedException {
    return enter(request.name(), request == Request.COMMAND, user, bytes, deadline);
  }

  /** Waits for room for the output of a command that runs already, as {@link #enter} does. */
  Resources attach(UserId user, int bytes, Deadline deadline) throws InterruptedException {
    return enter("attaching to a command", false, user, bytes, deadline);
  }

  private Resources enter(String what, boolean isTurn, UserId user, int bytes, Deadline deadline)
      throws InterruptedException {
    int units = units(bytes);
    Resources turn = new Resources();
    boolean isEntered = false;
    try {
      Share share = share(user, turn);
      if (isTurn) {
        if (share.turns().getQueueLength() >= WAITING_OF_USER) {
          throw new ClientOverloadedException(QUEUE_FULL);
        }
        take(1, share.turns(), deadline, turn, NO_TURN);
      }
      take(units, share.memory(), deadline, turn, "the user's" + NO_MEMORY);
      take(1, requests, requestsOfTenants, deadline, turn, TOO_MANY + what);
      take(units, memory, memoryOfTenants, deadline, turn, "all" + NO_MEMORY);
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

  @Override
  public boolean take(int bytes) {
    int units = units(bytes);
    return memory.availablePermits() - units >= unitsLeft && memory.tryAcquire(units);
  }

  @Override
  public void give(int bytes) {
    memoryOfTenants.give(units(bytes));
  }

  private static int units(int bytes) {
    return (bytes + UNIT - 1) / UNIT;
  }

  /** Returns a user's share. It is forgotten when nobody uses it any more. */
  private Share share(UserId user, Resources turn) {
    Share share =
        shares.compute(
            user, (u, known) -> (known == null ? new Share(unitsOfUser) : known).with(1));
    turn.add(
        () ->
            shares.computeIfPresent(
                user, (u, known) -> known.requests() == 1 ? null : known.with(-1)));
    return share;
  }

  private void take(
      int permits, Semaphore from, Deadline deadline, Resources turn, String otherwise)
      throws InterruptedException {
    if (permits > 0 && !isClosed.get()) {
      await(permits, from, deadline, otherwise);
      turn.add(() -> from.release(permits));
    }
  }

  private static void await(int permits, Semaphore from, Deadline deadline, String otherwise)
      throws InterruptedException {
    if (!from.tryAcquire(permits, deadline.nanosLeft(), TimeUnit.NANOSECONDS)) {
      throw new ClientOverloadedException(otherwise);
    }
  }

  private void take(
      int permits,
      Semaphore from,
      SharedPermits shared,
      Deadline deadline,
      Resources turn,
      String otherwise)
      throws InterruptedException {
    String whose = tenant;
    if (permits == 0 || isClosed.get()) {
      return;
    }
    if (whose == null) {
      await(permits, from, deadline, otherwise);
      turn.add(() -> shared.give(permits));
    } else {
      if (!shared.take(whose, permits, deadline)) {
        throw new ClientOverloadedException(SHARE);
      }
      turn.add(() -> shared.give(whose, permits));
    }
  }
}
