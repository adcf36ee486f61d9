/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.CapacityHeader;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/** A fleet at one instant, and the records that produce it. */
final class TestFleet {
  static final Instant NOW = Instant.parse("2026-11-26T03:00:00Z");
  static final int PARTITIONS = 4;
  private static final JsonMapper JSON = new JsonMapper();

  private Instant now = NOW;
  final Fleet fleet = new Fleet(Duration.ofSeconds(300), () -> now);
  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions = new KeyPartitions(PARTITIONS);
  private long offset;

  TestFleet() {
    begin();
    fleet.following(new FollowState(NOW.toEpochMilli(), 0, ""));
  }

  void begin() {
    fleet.begin(PARTITIONS, ago(3600));
  }

  void pass(Duration time) {
    now = now.plus(time);
  }

  static UserId user(int number) {
    return new UserId(new UUID(0x4000, 0x8000_0000_0000_0000L + number));
  }

  static ContainerRef container(int number) {
    return new ContainerRef("sandbox-" + number, "id-" + number, "h1", "w1");
  }

  static Instant ago(int seconds) {
    return NOW.minusSeconds(seconds);
  }

  void event(SandboxEvent event, Instant at) {
    record(event.topic(), codec.key(event), codec.encode(event), at, new RecordHeaders());
  }

  void live(LiveSandbox live) {
    Headers headers = new RecordHeaders();
    CapacityHeader.add(headers, 64);
    byte[] key = codec.liveKey(live.userId(), live.containerId());
    record(Topic.LIVE, key, codec.encodeLive(live), live.openedAt(), headers);
  }

  void live(int number, int ago) {
    live(new LiveSandbox(user(number), "id-" + number, "h1", "w1", ago(ago)));
  }

  void gone(int number) {
    record(Topic.LIVE, codec.liveKey(user(number), "id-" + number), null, NOW, new RecordHeaders());
  }

  void ensure(int number, String id, int ago) {
    event(new Ensure(id, user(number), ago(ago), "gateway", null), ago(ago));
  }

  void ready(int number, String ensureId, int ago) {
    ready(number, ensureId, ago, null);
  }

  void ready(int number, String ensureId, int ago, @Nullable Instant endsAt) {
    Ready.Environment environment =
        new Ready.Environment("e", "image:1", "runc", "/w", Duration.ofSeconds(120));
    event(
        new Ready(
            "ready-" + ensureId,
            user(number),
            ensureId,
            ago(ago),
            container(number),
            Ready.Outcome.CLAIMED,
            environment,
            12,
            Map.of(),
            endsAt),
        ago(ago));
  }

  void activity(int number, int ago) {
    event(new Activity("activity-" + offset, user(number), ago(ago), null), ago(ago));
  }

  void exec(int number, String id, String script, int ago) {
    event(SampleEvents.exec(id, user(number), ago(ago), null, script), ago(ago));
  }

  void running(int number, String execId, int ago, boolean answered) {
    running(
        new CommandEntry(
            user(number),
            execId,
            partitions.of(user(number)),
            0,
            container(number),
            ago(ago),
            answered));
  }

  void running(CommandEntry entry) {
    byte[] key = codec.commandKey(entry.userId(), entry.execId());
    byte[] value = codec.encodeCommand(entry);
    record(Topic.COMMANDS, key, value, entry.startedAt(), new RecordHeaders());
  }

  void record(Topic topic, byte[] key, byte[] value, Instant at, Headers headers) {
    String user = new String(key, StandardCharsets.UTF_8).replaceFirst("/.*", "");
    int partition = partitions.of(user.getBytes(StandardCharsets.UTF_8));
    fleet.accept(
        topic,
        new ConsumerRecord<>(
            topic.named(Topic.DEFAULT_PREFIX),
            partition,
            offset++,
            at.toEpochMilli(),
            TimestampType.CREATE_TIME,
            0,
            0,
            key,
            value,
            headers,
            Optional.empty()));
  }

  JsonNode overview() throws IOException {
    return JSON.readTree(fleet.overview());
  }

  JsonNode sandboxes(long seen) throws IOException {
    return JSON.readTree(fleet.sandboxes(seen, seen).json());
  }

  JsonNode user(UserId user) throws IOException {
    return JSON.readTree(fleet.user(user)).get("entries");
  }

  JsonNode failures() throws IOException {
    return JSON.readTree(fleet.failures(0).json());
  }

  JsonNode letters() throws IOException {
    return JSON.readTree(fleet.letters(0).json());
  }

  JsonNode commands() throws IOException {
    return JSON.readTree(fleet.commands(0).json());
  }
}
