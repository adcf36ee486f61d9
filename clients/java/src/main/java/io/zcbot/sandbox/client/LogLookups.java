/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Lets calls read ranges of the log, each with a consumer of its own, and only some at a time: each
 * takes some MiB of memory. Calls of a tenant wait for each other before they wait for those of
 * others. Safe for concurrent use.
 */
final class LogLookups {
  private static final int AT_A_TIME = 8;

  /** How many calls of a tenant wait for its others. Each command that it follows may. */
  private static final int WAITING_OF_TENANT = 1000;

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Reach reach;
  private final BooleanSupplier isClosed;
  private final Semaphore turns;
  private final Map<String, Line> lines;

  /** Whose calls come in through this object; null if they are nobody's in particular. */
  private final @Nullable String tenant;

  /**
   * The turns of a tenant.
   *
   * @param calls how many calls have one or wait for it
   */
  private record Line(Semaphore turns, int calls) {
    Line with(int more) {
      return new Line(turns, calls + more);
    }
  }

  /** What is looked up. */
  interface Look<T> {
    T at(LogLookup log) throws InterruptedException;
  }

  /**
   * @param consumers makes a consumer that commits nothing and begins where it is told to
   */
  LogLookups(Supplier<Consumer<byte[], byte[]>> consumers, Reach reach, BooleanSupplier isClosed) {
    this.consumers = consumers;
    this.reach = reach;
    this.isClosed = isClosed;
    this.turns = new Semaphore(AT_A_TIME, true);
    this.lines = new ConcurrentHashMap<>();
    this.tenant = null;
  }

  private LogLookups(LogLookups all, String tenant) {
    this.consumers = all.consumers;
    this.reach = all.reach;
    this.isClosed = all.isClosed;
    this.turns = all.turns;
    this.lines = all.lines;
    this.tenant = tenant;
  }

  /** Returns the same for calls of a tenant, which gets half of the turns at most. */
  LogLookups of(String tenant) {
    return new LogLookups(this, tenant);
  }

  /**
   * Looks something up.
   *
   * @param what is looked up, for the message of an exception: {@code can't <what>}
   * @throws NoAnswerException if Kafka did not answer by the deadline
   */
  @SuppressWarnings("try") // a turn is only closed
  <T> T look(String what, Deadline deadline, Look<T> look) throws InterruptedException {
    if (isClosed.getAsBoolean()) {
      throw new ClientClosedException();
    }
    Deadline contact = reach.isReached() ? deadline : deadline.atMost(Reach.PATIENCE);
    try (Resources turn = turn(what, contact);
        LogLookup log = new LogLookup(consumers.get(), contact, isClosed)) {
      T found = look.at(log);
      reach.reached();
      return found;
    } catch (InterruptException e) {
      Thread.interrupted();
      throw new InterruptedException();
    } catch (TimeoutException e) {
      throw late(what, e);
    } catch (KafkaException e) {
      throw new SandboxException(
          "can't "
              + what
              + ": "
              + e.getMessage()
              + "; check the topics, the client's settings and its permissions",
          e);
    }
  }

  private Resources turn(String what, Deadline deadline) throws InterruptedException {
    Resources turn = new Resources();
    boolean isTaken = false;
    try {
      String whose = tenant;
      if (whose != null) {
        Semaphore line = line(whose, turn);
        if (line.getQueueLength() >= WAITING_OF_TENANT) {
          throw overloaded(what, WAITING_OF_TENANT + " calls of the same tenant wait to read");
        }
        take(line, what, deadline, turn);
      }
      take(turns, what, deadline, turn);
      isTaken = true;
      return turn;
    } finally {
      if (!isTaken) {
        turn.close();
      }
    }
  }

  /** Returns a tenant's turns. They are forgotten when nobody uses them any more. */
  private Semaphore line(String whose, Resources turn) {
    Line line =
        lines.compute(
            whose,
            (g, known) ->
                (known == null ? new Line(new Semaphore(AT_A_TIME / 2, true), 0) : known).with(1));
    turn.add(
        () ->
            lines.computeIfPresent(
                whose, (g, known) -> known.calls() == 1 ? null : known.with(-1)));
    return line.turns();
  }

  private static void take(Semaphore from, String what, Deadline deadline, Resources turn)
      throws InterruptedException {
    if (!from.tryAcquire(deadline.nanosLeft(), TimeUnit.NANOSECONDS)) {
      throw overloaded(what, "other calls of this client read");
    }
    turn.add(from::release);
  }

  private static ClientOverloadedException overloaded(String what, String why) {
    return new ClientOverloadedException("can't " + what + ": " + why + " the log already");
  }

  private SandboxException late(String what, TimeoutException e) {
    if (isClosed.getAsBoolean()) {
      return new ClientClosedException();
    }
    if (!reach.isReached()) {
      reach.probe();
      return reach.unreachable(e);
    }
    return new NoAnswerException(
        "can't "
            + what
            + ": Kafka did not answer by the deadline; check that its brokers are"
            + " reached",
        e);
  }
}
