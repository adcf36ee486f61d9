/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.HeaderLimit;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/** All records of a deployment's topics, read by one thread as they arrive. */
public final class TopicLog implements AutoCloseable {
  private static final Duration POLL = Duration.ofSeconds(1);

  private final KafkaAccess kafka;
  private final String prefix;
  private final EventCodec codec = new EventCodec();
  private final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
  private final List<SandboxEvent> events = new ArrayList<>();
  private volatile Consumer<SandboxEvent> listener = _ -> {};
  private @Nullable KafkaConsumer<byte[], byte[]> consumer;
  private List<Topic> topics = List.of(Topic.values());
  private @Nullable Thread reader;
  private @Nullable Throwable fault;

  TopicLog(KafkaAccess kafka, String prefix) {
    this.kafka = kafka;
    this.prefix = prefix;
  }

  /** Leaves out what agents write, for tests that write there what nobody can read. */
  public synchronized void leaveOutInputs() {
    topics = topics.stream().filter(topic -> !topic.isInput()).toList();
  }

  /** Begins to read the topics, which must exist, unless it has begun. */
  synchronized void begin(int partitions) {
    if (reader != null) {
      return;
    }
    KafkaConsumer<byte[], byte[]> from =
        new KafkaConsumer<>(
            kafka.client(kafka.observer(), Map.of()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    List<TopicPartition> all = new ArrayList<>();
    for (Topic topic : topics) {
      for (int partition = 0; partition < partitions; partition++) {
        all.add(new TopicPartition(topic.named(prefix), partition));
      }
    }
    from.assign(all);
    from.seekToBeginning(all);
    consumer = from;
    reader = Thread.ofPlatform().name("topic-log").daemon().start(() -> read(from));
  }

  private void read(KafkaConsumer<byte[], byte[]> from) {
    try (from) {
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : from.poll(POLL)) {
          add(record);
        }
      }
    } catch (WakeupException _) {
      // Closed.
    } catch (EventFormatException e) {
      fail(new AssertionError("a worker published what is no event", e));
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  private synchronized void add(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    records.add(HeaderLimit.within(record));
    for (Topic topic :
        List.of(
            Topic.READY,
            Topic.REAPED,
            Topic.FAILED,
            Topic.STARTED,
            Topic.OUTPUT,
            Topic.EXITED,
            Topic.EXPIRING)) {
      if (record.topic().equals(topic.named(prefix))) {
        Origin origin = Origins.of(record);
        SandboxEvent event = codec.decode(topic, record.key(), record.value(), origin);
        listener.accept(event);
        events.add(event);
      }
    }
    notifyAll();
  }

  private synchronized void fail(Throwable cause) {
    fault = cause;
    notifyAll();
  }

  /** Calls the listener for each event from now on. */
  public void listen(Consumer<SandboxEvent> to) {
    listener = to;
  }

  // What is there by now.

  /** All events that workers published about sandboxes and commands. */
  public synchronized List<SandboxEvent> events() {
    return List.copyOf(events);
  }

  public synchronized List<ConsumerRecord<byte[], byte[]>> records(Topic topic) {
    return records.stream().filter(r -> r.topic().equals(topic.named(prefix))).toList();
  }

  public List<Ready> readies(UserId user) {
    return of(Ready.class, user);
  }

  public List<Reaped> reaped(UserId user) {
    return of(Reaped.class, user);
  }

  public List<Failed> failures(UserId user) {
    return of(Failed.class, user);
  }

  public List<Expiring> notices(UserId user) {
    return of(Expiring.class, user);
  }

  private <E extends SandboxEvent> List<E> of(Class<E> kind, UserId user) {
    return events().stream()
        .filter(kind::isInstance)
        .map(kind::cast)
        .filter(event -> event.userId().equals(user))
        .toList();
  }

  /** The outputs of a command, in the order of their arrival. */
  public List<Output> outputs(String execId) {
    return events().stream()
        .filter(event -> event instanceof Output output && output.execId().equals(execId))
        .map(Output.class::cast)
        .toList();
  }

  /** The announcements that a command was started. */
  public List<Started> starts(String execId) {
    return events().stream()
        .filter(event -> event instanceof Started started && started.execId().equals(execId))
        .map(Started.class::cast)
        .toList();
  }

  /** The answers to an exec. */
  public List<Exited> exits(String execId) {
    return events().stream()
        .filter(event -> event instanceof Exited exited && exited.execId().equals(execId))
        .map(Exited.class::cast)
        .toList();
  }

  public Exited awaitExited(String execId) {
    await("exited of " + execId, Deployment.SOON, () -> !exits(execId).isEmpty());
    return exits(execId).getFirst();
  }

  public List<SandboxEvent> answers(String ensureId) {
    return events().stream()
        .filter(
            event ->
                switch (event) {
                  case Ready ready -> ready.ensureId().equals(ensureId);
                  case Failed failed -> failed.ensureId().equals(ensureId);
                  default -> false;
                })
        .toList();
  }

  // What comes.

  /** The user's ready of this number, counted from 1, which nothing failed before. */
  public Ready awaitReady(UserId user, int number) {
    await(
        "ready " + number + " of " + user,
        Deployment.SOON,
        () -> readies(user).size() >= number || !failures(user).isEmpty());
    assertThat(failures(user)).isEmpty();
    return readies(user).get(number - 1);
  }

  public Failed awaitFailed(UserId user) {
    await("failed of " + user, Deployment.SOON, () -> !failures(user).isEmpty());
    return failures(user).getLast();
  }

  public SandboxEvent awaitAnswer(String ensureId, Duration within) {
    await("answer to " + ensureId, within, () -> !answers(ensureId).isEmpty());
    return answers(ensureId).getFirst();
  }

  public Reaped awaitReaped(UserId user, Duration within) {
    await("reaped of " + user, within, () -> !reaped(user).isEmpty());
    return reaped(user).getLast();
  }

  /** Waits for a condition that changes with the records. */
  public synchronized void await(String what, Duration within, BooleanSupplier condition) {
    long deadline = System.nanoTime() + within.toNanos();
    while (!condition.getAsBoolean()) {
      throwFault();
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new AssertionError(what + " did not come within " + within + "; there are " + events);
      }
      try {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted while waiting for " + what, e);
      }
    }
  }

  private void throwFault() {
    if (fault != null) {
      throw new AssertionError("reading the topics failed: what the test saw is not all", fault);
    }
  }

  @Override
  public void close() {
    Thread thread;
    synchronized (this) {
      thread = reader;
      if (consumer != null) {
        consumer.wakeup();
      }
    }
    try {
      if (thread != null && !thread.join(Deployment.SOON)) {
        throw new AssertionError("the reader of the topics did not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while the reader of the topics ends", e);
    }
    synchronized (this) {
      throwFault();
    }
  }
}
