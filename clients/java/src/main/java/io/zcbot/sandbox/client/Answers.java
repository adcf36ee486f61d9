/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.RecordUse;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delivers records to those who wait for them. Records of users for whom nobody waits are
 * recognized by their key and not decoded. Records that do not name a request of this client, or
 * name a request of another user, are ignored.
 */
final class Answers implements AnswerReader.Receiver {
  private static final Logger log = LoggerFactory.getLogger(Answers.class);

  private final EventCodec codec = new EventCodec();
  private final Map<String, Topic> topics = new HashMap<>();
  private final @Nullable String replyTopic;
  private final ClientMetrics metrics;

  /**
   * Waiters by what they wait for. A user's key is in {@code keys} as long as one of them waits.
   */
  private final Map<Wanted, Mailbox<SandboxEvent>> ensures = new ConcurrentHashMap<>();

  /** A command has several transcripts if it was attached to. */
  private final Map<Wanted, Set<Transcript>> commands = new ConcurrentHashMap<>();

  private final Map<UserId, Set<Listener>> listeners = new ConcurrentHashMap<>();
  private final Map<String, Integer> keys = new ConcurrentHashMap<>();
  private volatile boolean isClosed;

  private record Wanted(UserId user, String id) {}

  /** Receives events about a user's sandboxes. Its methods must not block. */
  interface Listener {
    void heard(SandboxEvent event);

    void closed();
  }

  /** Keeps a waiter registered until it is closed. It must be closed once. */
  interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  Answers(ClientOptions options) {
    for (Topic topic : Topic.history()) {
      topics.put(topic.named(options.topicPrefix()), topic);
    }
    this.replyTopic = options.replyTopic();
    this.metrics = options.metrics();
  }

  Registration expect(UserId user, String ensureId, Mailbox<SandboxEvent> answers) {
    Wanted wanted = new Wanted(user, ensureId);
    keys.merge(user.toString(), 1, Integer::sum);
    ensures.put(wanted, answers);
    if (isClosed) {
      answers.close();
    }
    return () -> {
      ensures.remove(wanted);
      forget(user);
    };
  }

  Registration expect(UserId user, String execId, Transcript transcript) {
    return register(user, commands, new Wanted(user, execId), transcript, transcript::close);
  }

  Registration listen(UserId user, Listener listener) {
    return register(user, listeners, user, listener, listener::closed);
  }

  private <K, T> Registration register(
      UserId user, Map<K, Set<T>> waiting, K key, T one, Runnable close) {
    keys.merge(user.toString(), 1, Integer::sum);
    waiting.compute(
        key,
        (k, known) -> { // in one step, so that no empty set is dropped meanwhile
          Set<T> all = known == null ? ConcurrentHashMap.newKeySet() : known;
          all.add(one);
          return all;
        });
    if (isClosed) {
      close.run();
    }
    return () -> {
      waiting.computeIfPresent(
          key,
          (k, all) -> {
            all.remove(one);
            return all.isEmpty() ? null : all;
          });
      forget(user);
    };
  }

  private void forget(UserId user) {
    keys.computeIfPresent(user.toString(), (k, count) -> count == 1 ? null : count - 1);
  }

  @Override
  public void accept(ConsumerRecord<byte[], byte[]> record) {
    metrics.read(use(record));
  }

  /** Returns a record that is read again as an output of a user's command; null if it is none. */
  @Nullable Output output(ConsumerRecord<byte[], byte[]> record, UserId user, String execId) {
    try {
      return topicOf(record) == Topic.OUTPUT
              && Arrays.equals(codec.currentKey(user), record.key())
              && event(record) instanceof Output output
              && output.execId().equals(execId)
          ? output
          : null;
    } catch (EventFormatException e) {
      return null; // as when it was read first
    }
  }

  private RecordUse use(ConsumerRecord<byte[], byte[]> record) {
    byte[] key = record.key();
    if (key == null || !keys.containsKey(new String(key, StandardCharsets.ISO_8859_1))) {
      return RecordUse.FOREIGN;
    }
    try {
      return deliver(event(record), record);
    } catch (EventFormatException e) {
      log.debug("{}-{}@{} is no event: {}", record.topic(), record.partition(), record.offset(), e);
      return RecordUse.UNUSABLE;
    }
  }

  private SandboxEvent event(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    Topic topic = topicOf(record);
    if (topic == null || record.value() == null || record.value().length > topic.maxBytes()) {
      throw new EventFormatException("value", "is not one of an event");
    }
    Origin origin =
        new Origin(
            record.topic(),
            record.partition(),
            record.offset(),
            Instant.ofEpochMilli(record.timestamp()));
    return codec.decode(topic, record.key(), record.value(), origin);
  }

  private @Nullable Topic topicOf(ConsumerRecord<byte[], byte[]> record) {
    if (!record.topic().equals(replyTopic)) {
      return topics.get(record.topic());
    }
    Header header = record.headers().lastHeader(ReplyTo.COPY_OF_HEADER);
    return header == null || header.value() == null
        ? null
        : topics.get(new String(header.value(), StandardCharsets.UTF_8));
  }

  private RecordUse deliver(SandboxEvent event, ConsumerRecord<byte[], byte[]> record) {
    if (event instanceof Ready ready) {
      return deliver(ready, ready.ensureId());
    }
    if (event instanceof Failed failed) {
      return deliver(failed, failed.ensureId());
    }
    if (event instanceof Output output) {
      TopicPartition partition = new TopicPartition(record.topic(), record.partition());
      return deliver(
          output, output.execId(), each -> each.accept(output, partition, record.offset()));
    }
    if (event instanceof Started started) {
      return deliver(started, started.execId(), each -> each.start(started));
    }
    if (event instanceof Exited exited) {
      return deliver(exited, exited.execId(), each -> each.end(exited));
    }
    if (event instanceof Reaped || event instanceof Expiring) {
      Set<Listener> interested = listeners.getOrDefault(event.userId(), Set.of());
      interested.forEach(listener -> listener.heard(event));
      return interested.isEmpty() ? RecordUse.FOREIGN : RecordUse.OWN;
    }
    return RecordUse.FOREIGN;
  }

  private RecordUse deliver(SandboxEvent answer, String ensureId) {
    Mailbox<SandboxEvent> answers = ensures.get(new Wanted(answer.userId(), ensureId));
    return answers == null ? RecordUse.FOREIGN : use(answers.put(answer));
  }

  private RecordUse deliver(SandboxEvent event, String execId, Predicate<Transcript> taker) {
    Set<Transcript> all = commands.getOrDefault(new Wanted(event.userId(), execId), Set.of());
    if (all.isEmpty()) {
      return RecordUse.FOREIGN;
    }
    boolean isTaken = false;
    for (Transcript each : all) {
      isTaken |= taker.test(each);
    }
    return use(isTaken);
  }

  private static RecordUse use(boolean isTaken) {
    return isTaken ? RecordUse.OWN : RecordUse.UNUSABLE;
  }

  @Override
  public void close() {
    isClosed = true;
    ensures.values().forEach(Mailbox::close);
    commands.values().forEach(all -> all.forEach(Transcript::close));
    listeners.values().forEach(all -> all.forEach(Listener::closed));
  }
}
