/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Who used what: reads the answers from their beginning to their present end, and prints a line for
 * each user. It joins no group and commits nothing.
 *
 * <p>{@code sandbox audit} checks the guarantees; this job shows how to read the log for reports of
 * one's own. docs/clients.md has the command that collects CLASS_PATH.
 *
 * <pre>java -cp CLASS_PATH examples/java/AuditJob.java BOOTSTRAP_SERVERS</pre>
 */
public final class AuditJob {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** The topics, by their names. */
  private static final Map<String, Topic> TOPICS =
      Map.of("sandbox.ready", Topic.READY, "sandbox.exited", Topic.EXITED);

  /** What a user used. Answers can be repeated: each has an id, and counts once. */
  static final class Use {
    final Set<String> seen = new HashSet<>();
    final Set<String> sandboxes = new HashSet<>();
    int commands;
    int withoutEnd;
    BigInteger cpuMillis = BigInteger.ZERO; // anybody may have written the numbers

    void add(SandboxEvent event) {
      if (!seen.add(event.eventId())) {
        return;
      }
      if (event instanceof Ready ready) {
        sandboxes.add(ready.containerId());
      } else if (event instanceof Exited exited) {
        commands++;
        withoutEnd += exited.exitCode() == null && exited.signal() == null ? 1 : 0;
        if (exited.cpu() != null) {
          cpuMillis = cpuMillis.add(BigInteger.valueOf(exited.cpu().toMillis()));
        }
      }
    }
  }

  private final EventCodec codec = new EventCodec();
  private final Map<UserId, Use> uses = new TreeMap<>((a, b) -> a.toString().compareTo(b.toString()));

  Map<UserId, Use> read(String bootstrapServers) {
    // If retention removes what is being read, the job goes on with the oldest record that is left.
    Map<String, Object> settings =
        Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest");
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          TOPICS.keySet().stream()
              .flatMap(topic -> consumer.partitionsFor(topic).stream())
              .map(each -> new TopicPartition(each.topic(), each.partition()))
              .toList();
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long heard = System.nanoTime();
      // The position counts: the last records may be none that a reader sees.
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          heard = System.nanoTime();
          add(record);
        }
        if (System.nanoTime() - heard > PATIENCE.toNanos()) {
          throw new IllegalStateException("no record for " + PATIENCE);
        }
      }
    }
    return uses;
  }

  private void add(ConsumerRecord<byte[], byte[]> record) {
    Origin origin =
        new Origin(
            record.topic(),
            record.partition(),
            record.offset(),
            Instant.ofEpochMilli(record.timestamp()));
    try {
      SandboxEvent event =
          codec.decode(TOPICS.get(record.topic()), record.key(), record.value(), origin);
      uses.computeIfAbsent(event.userId(), user -> new Use()).add(event);
    } catch (EventFormatException e) {
      // Anything may have been written into a topic.
    }
  }

  public static void main(String[] args) {
    String line = "%-36s  %8s  %6s  %8s  %9s%n";
    System.out.printf(line, "user", "commands", "no end", "cpu ms", "sandboxes");
    new AuditJob()
        .read(args[0])
        .forEach(
            (user, use) ->
                System.out.printf(
                    line,
                    user,
                    use.commands,
                    use.withoutEnd,
                    use.cpuMillis,
                    use.sandboxes.size()));
  }
}
