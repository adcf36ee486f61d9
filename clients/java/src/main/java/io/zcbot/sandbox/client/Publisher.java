/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/**
 * Publishes this client's requests. The producer is made for the first of them: if brokers refuse
 * its credentials before it has an id, it never publishes anything (KAFKA-20237), and most requests
 * come here only after the brokers have let the reader of answers in. Safe for concurrent use.
 */
final class Publisher implements AutoCloseable {
  private static final Duration CLOSE = Duration.ofSeconds(2);
  private static final Duration PAUSE = Duration.ofMillis(200);

  /** How long a record waits for the first contact with a broker; as {@code max.block.ms}. */
  private static final Duration CONTACT = Duration.ofSeconds(5);

  private final Supplier<Producer<byte[], byte[]>> maker;
  private final ClientOptions options;
  private final Reach reach;
  private final EventCodec codec = new EventCodec();
  private final ExecutorService background = Executors.newVirtualThreadPerTaskExecutor();
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable Producer<byte[], byte[]> producer; // guarded by the lock
  private volatile boolean isClosed;

  Publisher(Supplier<Producer<byte[], byte[]>> maker, ClientOptions options, Reach reach) {
    this.maker = maker;
    this.options = options;
    this.reach = reach;
  }

  /**
   * Publishes an event and waits until the log has it. A record that the producer did not accept is
   * tried again until the deadline, because it cannot be in the log. All other retries are left to
   * the producer, which never writes a record twice.
   *
   * @throws InvalidRequestException if no worker would accept the event
   * @throws KafkaUnreachableException if no broker was ever reached
   * @throws NoAnswerException if the log has not acknowledged the event by the deadline, or the
   *     producer has given it up ({@code delivery.timeout.ms}); it may be there
   */
  void publish(SandboxEvent event, Deadline deadline) throws InterruptedException {
    boolean unused = publish(event, deadline, () -> false);
  }

  /**
   * Publishes an event in the same way, as long as it is of use. Returns whether the log has it; if
   * not, it is moot, and may be in the log all the same.
   */
  boolean publish(SandboxEvent event, Deadline deadline, BooleanSupplier isMoot)
      throws InterruptedException {
    ProducerRecord<byte[], byte[]> record = checked(event);
    Deadline contact = deadline.atMost(CONTACT);
    while (!isMoot.getAsBoolean()) {
      boolean isTaken = false;
      try {
        Future<RecordMetadata> sent = send(record, null);
        isTaken = !sent.isDone();
        if (isTaken) {
          reach.reached(); // a broker has described the topic
        }
        boolean isStored = isStored(sent, deadline, isMoot);
        if (isStored) {
          reach.reached();
        }
        return isStored;
      } catch (InterruptException e) {
        Thread.interrupted();
        throw new InterruptedException();
      } catch (TimeoutException e) {
        throw unacknowledged(record.topic(), e);
      } catch (ExecutionException e) {
        if (isClosed) {
          throw new ClientClosedException();
        }
        Throwable cause = e.getCause();
        if (!(cause instanceof RetriableException)) {
          throw refused(record.topic(), cause);
        }
        if (!reach.isReached() && contact.isOver()) {
          reach.probe();
          throw reach.unreachable(cause);
        }
        if (isTaken || deadline.nanosLeft() <= PAUSE.toNanos()) {
          throw unacknowledged(record.topic(), cause);
        }
        TimeUnit.NANOSECONDS.sleep(PAUSE.toNanos());
      }
    }
    return false;
  }

  /** Waits until the log has a record, and asks now and then whether it is still of use. */
  private static boolean isStored(
      Future<RecordMetadata> sent, Deadline deadline, BooleanSupplier isMoot)
      throws InterruptedException, ExecutionException, TimeoutException {
    while (!isMoot.getAsBoolean()) {
      try {
        sent.get(deadline.atMost(PAUSE).nanosLeft(), TimeUnit.NANOSECONDS);
        return true;
      } catch (TimeoutException e) {
        if (deadline.isOver()) {
          throw e;
        }
      }
    }
    return false;
  }

  /**
   * Publishes an event in another thread, because the producer blocks its callers as long as it
   * does not know the topic. A failure to write it is passed to the callback.
   *
   * @throws InvalidRequestException if no worker would accept the event
   */
  void publishLater(SandboxEvent event, Callback callback) {
    ProducerRecord<byte[], byte[]> record = checked(event);
    try {
      background.execute(
          () -> {
            try {
              Future<RecordMetadata> unused = send(record, callback);
            } catch (SandboxException e) {
              callback.onCompletion(null, e);
            }
          });
    } catch (RejectedExecutionException e) {
      throw new ClientClosedException();
    }
  }

  /** Tries to publish an event in another thread. A failure is ignored. */
  void tryInBackground(SandboxEvent event) {
    try {
      publishLater(event, (metadata, e) -> {});
    } catch (SandboxException e) {
      // This was only a try, and nobody waits for its outcome.
    }
  }

  private Future<RecordMetadata> send(
      ProducerRecord<byte[], byte[]> record, @Nullable Callback callback) {
    try {
      return producer().send(record, callback);
    } catch (InterruptException e) {
      throw e;
    } catch (KafkaException | IllegalStateException e) {
      if (isClosed) {
        throw new ClientClosedException();
      }
      throw refused(record.topic(), e);
    }
  }

  private Producer<byte[], byte[]> producer() {
    lock.lock();
    try {
      if (isClosed) {
        throw new ClientClosedException();
      }
      if (producer == null) {
        producer = maker.get();
      }
      return producer;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Checks the event as a worker would, because nobody answers a record that is not a valid event.
   */
  private ProducerRecord<byte[], byte[]> checked(SandboxEvent event) {
    Topic topic = event.topic();
    byte[] key = codec.key(event);
    byte[] value = codec.encode(event);
    if (value.length > topic.maxBytes()) {
      throw new InvalidRequestException(
          "value",
          "value: takes "
              + value.length
              + " bytes as JSON; at most "
              + topic.maxBytes()
              + " are allowed; send long input as stdin");
    }
    if (topic != Topic.INPUT) { // of which the caller gives nothing but bytes, and many of them
      requireValid(topic, key, value, event);
    }
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(topic.named(options.topicPrefix()), key, value);
    String replyTopic = options.replyTopic();
    if (replyTopic != null && isAnswered(topic)) {
      record.headers().add(ReplyTo.HEADER, replyTopic.getBytes(StandardCharsets.UTF_8));
    }
    return record;
  }

  private void requireValid(Topic topic, byte[] key, byte[] value, SandboxEvent event) {
    try {
      codec.decode(topic, key, value, new Origin(topic.named(""), 0, 0, event.at()));
    } catch (EventFormatException e) {
      throw new InvalidRequestException(e.field(), e.getMessage());
    }
  }

  private static boolean isAnswered(Topic topic) {
    return topic == Topic.ENSURE || topic == Topic.EXEC;
  }

  private static NoAnswerException unacknowledged(String topic, Throwable cause) {
    return new NoAnswerException(
        "Kafka did not acknowledge a record for "
            + topic
            + " by the deadline; check that its brokers are reached",
        cause);
  }

  private static SandboxException refused(String topic, @Nullable Throwable cause) {
    return new SandboxException(
        "could not publish to "
            + topic
            + ": "
            + reason(cause)
            + "; check the client's settings and permissions",
        cause);
  }

  /** The message of a failure, and what is at its root: Kafka's say little of it. */
  private static String reason(@Nullable Throwable failure) {
    if (failure == null) {
      return "unknown";
    }
    Throwable root = failure.getCause();
    if (root == null) {
      return String.valueOf(failure.getMessage());
    }
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return failure.getMessage() + ": " + root;
  }

  @Override
  public void close() {
    Deadline deadline = Deadline.in(CLOSE);
    background.shutdown();
    try {
      boolean unused = background.awaitTermination(deadline.nanosLeft(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    isClosed = true;
    lock.lock();
    try {
      if (producer != null) {
        producer.close(Duration.ofNanos(deadline.nanosLeft()));
      }
    } catch (InterruptException e) {
      // It is closed, and its constructor has set the thread's flag again.
    } finally {
      lock.unlock();
    }
  }
}
