/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** Publishes the events of an agent service. */
public final class AgentService implements AutoCloseable {
  private final String prefix;
  private final TopicLog log;
  private final KafkaProducer<byte[], byte[]> producer;

  AgentService(KafkaAccess kafka, String prefix, TopicLog log) {
    this.prefix = prefix;
    this.log = log;
    this.producer =
        new KafkaProducer<>(
            kafka.client(kafka.agent(), Map.of("linger.ms", "0", "max.request.size", "2097152")),
            new ByteArraySerializer(),
            new ByteArraySerializer());
  }

  /** Asks for a sandbox and waits until it is ready. */
  public Ready ensured(UserId user) throws Exception {
    int before = log.readies(user).size();
    ensure(user);
    return log.awaitReady(user, before + 1);
  }

  /** Like {@link #ensured(UserId)}, with an idle TTL. */
  public Ready ensured(UserId user, Duration idleTtl) throws Exception {
    int before = log.readies(user).size();
    ensure(user, idleTtl);
    return log.awaitReady(user, before + 1);
  }

  /** Like {@link #ensured(UserId)}, with further fields that use ' instead of ". */
  public Ready ensuredWith(UserId user, String fields) throws Exception {
    int before = log.readies(user).size();
    send(Topic.ENSURE, user, json(user, fields));
    return log.awaitReady(user, before + 1);
  }

  public void ensure(UserId user, Duration idleTtl) throws Exception {
    String format = "{'user_id':'%s','idle_ttl_seconds':%d}".replace('\'', '"');
    send(Topic.ENSURE, user, format.formatted(user, idleTtl.toSeconds()));
  }

  public void ensure(UserId user) throws Exception {
    send(Topic.ENSURE, user, "{\"user_id\":\"" + user + "\"}");
  }

  public void ensure(UserId user, String eventId) throws Exception {
    send(Topic.ENSURE, user, "{\"user_id\":\"" + user + "\",\"event_id\":\"" + eventId + "\"}");
  }

  public void ensure(UserId user, String eventId, Instant expiresAt) throws Exception {
    String format = "{'user_id':'%s','event_id':'%s','expires_at':'%s'}".replace('\'', '"');
    send(Topic.ENSURE, user, format.formatted(user, eventId, expiresAt));
  }

  public void activity(UserId user) throws Exception {
    send(Topic.ACTIVITY, user, "{\"user_id\":\"" + user + "\"}");
  }

  /**
   * Has a command run.
   *
   * @param id its event_id
   * @param fields further fields, with ' for "
   */
  public void exec(UserId user, String id, String fields) throws Exception {
    send(Topic.EXEC, user, json(user, "'event_id':'" + id + "'," + fields));
  }

  /** Publishes an input of a command, without waiting; the fields use ' instead of ". */
  public void inputLater(UserId user, String execId, String fields) {
    sendLater(record(Topic.INPUT, null, user, json(user, "'exec_id':'" + execId + "'," + fields)));
  }

  public void release(UserId user) throws Exception {
    send(Topic.RELEASE, user, json(user, "'requested_by':'test'"));
  }

  /** The JSON of a record, from fields with ' instead of ". */
  public static String json(UserId user, String fields) {
    return "{'user_id':'%s',%s}".formatted(user, fields).replace('\'', '"');
  }

  public void send(Topic topic, UserId user, String json) throws Exception {
    send(topic, null, user, json);
  }

  /** Publishes into a partition, or into the key's partition if none is given. */
  public RecordMetadata send(Topic topic, @Nullable Integer partition, UserId user, String json)
      throws Exception {
    return send(record(topic, partition, user, json));
  }

  /** The record that {@link #send} publishes, for tests that add headers or do not wait. */
  public ProducerRecord<byte[], byte[]> record(
      Topic topic, @Nullable Integer partition, UserId user, String json) {
    return new ProducerRecord<>(
        topic.named(prefix),
        partition,
        user.toString().getBytes(StandardCharsets.UTF_8),
        json.getBytes(StandardCharsets.UTF_8));
  }

  public RecordMetadata send(ProducerRecord<byte[], byte[]> record) throws Exception {
    return producer.send(record).get(90, TimeUnit.SECONDS);
  }

  /** Sends without waiting; {@link #flush} waits. */
  public void sendLater(ProducerRecord<byte[], byte[]> record) {
    var _ = producer.send(record);
  }

  /** Waits until everything that was sent is in the log. */
  public void flush() {
    producer.flush();
  }

  @Override
  public void close() {
    producer.close(Duration.ofSeconds(5));
  }
}
