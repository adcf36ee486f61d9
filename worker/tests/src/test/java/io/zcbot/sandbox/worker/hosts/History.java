/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** All records of a trial's topics, read as they arrive. */
final class History {
  /** An event in the log. */
  record Said(Topic topic, String where, Instant appended, SandboxEvent event) {}

  private final List<Said> said = new CopyOnWriteArrayList<>();
  private final Map<String, LiveSandbox> live = new ConcurrentHashMap<>();
  private final Map<String, CommandEntry> commands = new ConcurrentHashMap<>();
  private final List<String> faults = new CopyOnWriteArrayList<>();
  private final String bootstrapServers;
  private final String prefix;
  private final int partitions;
  private final Thread reader;
  private volatile boolean done;

  History(String bootstrapServers, String prefix, int partitions) {
    this.bootstrapServers = bootstrapServers;
    this.prefix = prefix;
    this.partitions = partitions;
    this.reader = Thread.ofPlatform().name("history").daemon().start(this::read);
  }

  private void read() {
    EventCodec codec = new EventCodec();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "reconnect.backoff.max.ms", "500"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> all = new ArrayList<>();
      for (Topic topic : Topic.values()) {
        for (int p = 0; p < partitions; p++) {
          all.add(new TopicPartition(topic.named(prefix), p));
        }
      }
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (!done) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
          note(codec, record);
        }
      }
    } catch (RuntimeException e) {
      faults.add("reading the topics failed: " + e);
    }
  }

  private void note(EventCodec codec, ConsumerRecord<byte[], byte[]> record) {
    Topic topic = Topic.values()[0];
    for (Topic each : Topic.values()) {
      if (each.named(prefix).equals(record.topic())) {
        topic = each;
      }
    }
    Instant appended = Instant.ofEpochMilli(record.timestamp());
    Origin origin = Origins.of(record);
    try {
      switch (topic) {
        case DEAD_LETTER -> {}
        case LIVE -> {
          String key = new String(record.key(), StandardCharsets.UTF_8);
          String container = key.substring(key.indexOf('/') + 1);
          if (record.value() == null) {
            live.remove(container);
          } else {
            live.put(container, codec.decodeLive(record.value()));
          }
        }
        case CURRENT -> {
          // For agent services; its fold is compared in SandboxHistoriesTest.
        }
        case COMMANDS -> {
          String key = new String(record.key(), StandardCharsets.UTF_8);
          if (record.value() == null) {
            commands.remove(key);
          } else {
            commands.put(key, codec.decodeCommand(record.value()));
          }
        }
        case ENSURE,
            ACTIVITY,
            READY,
            REAPED,
            FAILED,
            EXEC,
            INPUT,
            OUTPUT,
            EXITED,
            RELEASE,
            EXPIRING ->
            said.add(
                new Said(
                    topic,
                    origin.toString(),
                    appended,
                    codec.decode(topic, record.key(), record.value(), origin)));
      }
    } catch (EventFormatException e) {
      if (!topic.isInput()) {
        faults.add(origin + " is no event: " + e.getMessage());
      }
    }
  }

  /**
   * All events so far, in the order of reading; within a partition, that is the order of the log.
   */
  List<Said> said() {
    return said;
  }

  /** The live table now, by container. */
  Map<String, LiveSandbox> live() {
    return Map.copyOf(live);
  }

  /** The current entries of the command table whose commands have no answer. */
  List<CommandEntry> openCommands() {
    return commands.values().stream().filter(entry -> !entry.answered()).toList();
  }

  List<String> faults() {
    return faults;
  }

  void close() throws InterruptedException {
    done = true;
    reader.join(5000);
  }
}
