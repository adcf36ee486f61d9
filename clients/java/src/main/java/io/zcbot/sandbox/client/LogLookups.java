/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * Lets calls read ranges of the log, each with a consumer of its own, and only some at a time: each
 * takes some MiB of memory. Safe for concurrent use.
 */
final class LogLookups {
  private static final int AT_A_TIME = 8;

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Reach reach;
  private final BooleanSupplier isClosed;
  private final Semaphore turns = new Semaphore(AT_A_TIME, true);

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
  }

  /**
   * Looks something up.
   *
   * @param what is looked up, for the message of an exception: {@code can't <what>}
   * @throws NoAnswerException if Kafka did not answer by the deadline
   */
  <T> T look(String what, Deadline deadline, Look<T> look) throws InterruptedException {
    if (isClosed.getAsBoolean()) {
      throw new ClientClosedException();
    }
    Deadline contact = reach.isReached() ? deadline : deadline.atMost(Reach.PATIENCE);
    if (!turns.tryAcquire(contact.nanosLeft(), TimeUnit.NANOSECONDS)) {
      throw new ClientOverloadedException(
          "can't " + what + ": " + AT_A_TIME + " other calls of this client read the log already");
    }
    try (LogLookup log = new LogLookup(consumers.get(), contact, isClosed)) {
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
    } finally {
      turns.release();
    }
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
