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
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
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

  private final Map<Wanted, Transcript> commands = new ConcurrentHashMap<>();
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
    return register(user, ensures, new Wanted(user, ensureId), answers, answers::close);
  }

  Registration expect(UserId user, String execId, Transcript transcript) {
    return register(user, commands, new Wanted(user, execId), transcript, transcript::close);
  }

  private <T> Registration register(
      UserId user, Map<Wanted, T> all, Wanted wanted, T waiting, Runnable close) {
    keys.merge(user.toString(), 1, Integer::sum);
    all.put(wanted, waiting);
    if (isClosed) {
      close.run();
    }
    return () -> {
      all.remove(wanted);
      forget(user);
    };
  }

  Registration listen(UserId user, Listener listener) {
    keys.merge(user.toString(), 1, Integer::sum);
    listeners.compute(
        user,
        (u, known) -> { // in one step, so that no empty set is dropped meanwhile
          Set<Listener> all = known == null ? ConcurrentHashMap.newKeySet() : known;
          all.add(listener);
          return all;
        });
    if (isClosed) {
      listener.closed();
    }
    return () -> {
      listeners.computeIfPresent(
          user,
          (u, all) -> {
            all.remove(listener);
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

  private RecordUse use(ConsumerRecord<byte[], byte[]> record) {
    byte[] key = record.key();
    if (key == null || !keys.containsKey(new String(key, StandardCharsets.ISO_8859_1))) {
      return RecordUse.FOREIGN;
    }
    Topic topic = topicOf(record);
    if (topic == null || record.value() == null || record.value().length > topic.maxBytes()) {
      return RecordUse.UNUSABLE;
    }
    try {
      Origin origin =
          new Origin(
              record.topic(),
              record.partition(),
              record.offset(),
              Instant.ofEpochMilli(record.timestamp()));
      return deliver(codec.decode(topic, key, record.value(), origin));
    } catch (EventFormatException e) {
      log.debug("{}-{}@{} is no event: {}", record.topic(), record.partition(), record.offset(), e);
      return RecordUse.UNUSABLE;
    }
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

  private RecordUse deliver(SandboxEvent event) {
    if (event instanceof Ready ready) {
      return deliver(ready, ready.ensureId());
    }
    if (event instanceof Failed failed) {
      return deliver(failed, failed.ensureId());
    }
    if (event instanceof Output output) {
      Transcript transcript = commands.get(new Wanted(output.userId(), output.execId()));
      return transcript == null ? RecordUse.FOREIGN : use(transcript.accept(output));
    }
    if (event instanceof Exited exited) {
      Transcript transcript = commands.get(new Wanted(exited.userId(), exited.execId()));
      return transcript == null ? RecordUse.FOREIGN : use(transcript.end(exited));
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

  private static RecordUse use(boolean isTaken) {
    return isTaken ? RecordUse.OWN : RecordUse.UNUSABLE;
  }

  @Override
  public void close() {
    isClosed = true;
    ensures.values().forEach(Mailbox::close);
    commands.values().forEach(Transcript::close);
    listeners.values().forEach(all -> all.forEach(Listener::closed));
  }
}
