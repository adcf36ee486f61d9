/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the sandboxes of all users of a client share. */
final class Connection implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Connection.class);

  private final ClientOptions options;
  private final Publisher publisher;
  private final Answers answers;
  private final AnswerReader reader;
  private final Limits limits;
  private final KeepAlives keepAlives;
  private final CurrentTable current;
  private final LogLookups lookups;
  private final Set<SandboxTable> tables;
  private final AtomicBoolean isRepeatLogged;
  private final CountDownLatch closed;

  Connection(KafkaSettings kafka, ClientOptions options) {
    this(kafka.producer(), kafka.consumer(), kafka.reach(), kafka::consumer, options);
  }

  Connection(
      Supplier<Producer<byte[], byte[]>> producer,
      Consumer<byte[], byte[]> consumer,
      Reach reach,
      Supplier<Consumer<byte[], byte[]>> tables,
      ClientOptions options) {
    this.options = options;
    this.tables = ConcurrentHashMap.newKeySet();
    this.isRepeatLogged = new AtomicBoolean();
    this.closed = new CountDownLatch(1);
    this.current = new CurrentTable(tables, options.topicPrefix());
    this.lookups = new LogLookups(tables, reach, this::isClosed);
    this.answers = new Answers(options);
    this.limits = new Limits(options);
    this.publisher = new Publisher(producer, options, reach);
    this.keepAlives = new KeepAlives(publisher, options.metrics(), System::nanoTime);
    this.reader = new AnswerReader(consumer, options, answers, reach);
    reader.start();
  }

  private Connection(Connection all, String tenant) {
    this.options = all.options;
    this.tables = all.tables;
    this.isRepeatLogged = all.isRepeatLogged;
    this.closed = all.closed;
    this.current = all.current;
    this.lookups = all.lookups.of(tenant);
    this.answers = all.answers;
    this.limits = all.limits.of(tenant);
    this.publisher = all.publisher;
    this.keepAlives = all.keepAlives;
    this.reader = all.reader;
  }

  /** Returns the same connection for the requests of a tenant. It is not closed. */
  Connection of(String tenant) {
    return new Connection(this, tenant);
  }

  ClientOptions options() {
    return options;
  }

  ClientMetrics metrics() {
    return options.metrics();
  }

  Publisher publisher() {
    return publisher;
  }

  Answers answers() {
    return answers;
  }

  AnswerReader reader() {
    return reader;
  }

  Limits limits() {
    return limits;
  }

  CurrentTable current() {
    return current;
  }

  /** Makes a table of the current sandboxes, which is closed with this connection. */
  SandboxTable table(KafkaSettings kafka, long maxBytes, Predicate<CurrentSandbox> kept) {
    if (isClosed()) {
      throw new ClientClosedException();
    }
    SandboxTable table =
        new SandboxTable(
            kafka.tableConsumer(),
            kafka.endOffsets(),
            options.topicPrefix(),
            maxBytes,
            kept,
            tables::remove);
    tables.add(table);
    table.start();
    if (isClosed()) {
      table.close();
      throw new ClientClosedException();
    }
    return table;
  }

  LogLookups lookups() {
    return lookups;
  }

  boolean isClosed() {
    return closed.getCount() == 0;
  }

  KeepAlives keepAlives() {
    return keepAlives;
  }

  /**
   * Returns the exception for a request without an answer.
   *
   * @param message what was requested, and what to check
   * @param answers the topics in which the answer may be
   */
  NoAnswerException unanswered(String message, List<Topic> answers) {
    Throwable trouble = reader.trouble(answers);
    String problem =
        trouble == null
            ? ""
            : "; the client can't read all answers at present: "
                + trouble.getMessage()
                + "; check the topics and the client's permissions";
    return new NoAnswerException(
        message + problem + options.hintWithoutAnswer(answers.getFirst()), trouble);
  }

  /** Counts a repeated request, and logs the first one. */
  void repeated(Request request, UserId user, String why) {
    options.metrics().repeated(request);
    if (!isRepeatLogged.getAndSet(true)) {
      log.warn(
          "{} of {} is repeated: {}. Further repeats of this client are not logged;"
              + " ClientOptions.withoutRepeats() turns them off",
          request,
          user,
          why);
    }
  }

  /** Returns the current time to the millisecond, as events have it. */
  static Instant now() {
    return Instant.now().truncatedTo(ChronoUnit.MILLIS);
  }

  /**
   * Waits for the time, or until the client is closed.
   *
   * @throws ClientClosedException if the client is closed before the time is over
   */
  void pause(Duration time) throws InterruptedException {
    if (closed.await(time.toNanos(), TimeUnit.NANOSECONDS)) {
      throw new ClientClosedException();
    }
  }

  /**
   * Closes it. In an interrupted thread, too, requests that are being published are waited for, in
   * particular those that kill commands.
   */
  @Override
  public void close() {
    boolean isInterrupted = Thread.interrupted();
    try {
      closed.countDown();
      answers.close();
      limits.close();
      tables.forEach(SandboxTable::close);
      reader.close();
      publisher.close();
    } finally {
      if (isInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
