/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.Export;
import io.zcbot.sandbox.worker.audit.log.ExportedLog;
import io.zcbot.sandbox.worker.audit.log.KafkaLogSource;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.audit.result.Summary;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * How fast the audit reads a generated log: records at hand, an export, and, given a Kafka image, a
 * real broker. No test: run its main.
 */
public final class AuditSpeed {
  private AuditSpeed() {}

  /** {@code AuditSpeed USERS ROUNDS [KAFKA_IMAGE]}. */
  public static void main(String[] args) throws Exception {
    int users = Integer.parseInt(args[0]);
    int rounds = Integer.parseInt(args[1]);
    Histories made = new Histories(1, users, 12, 4, 3_600_000);
    List<LogRecord> records = made.records();
    long end = made.end;
    System.out.printf("%,d records of %,d users%n", records.size(), users);
    for (int i = 0; i < rounds; i++) {
      run("at hand", new ListSource(records, end));
    }
    Path file = Files.createTempFile("audit", ".jsonl");
    try (Writer out = Files.newBufferedWriter(file);
        Export export = new Export(out, new ListSource(records, end))) {
      for (LogRecord record : records) {
        export.write(record);
      }
    }
    System.out.printf("%,d MB of export%n", Files.size(file) / 1_000_000);
    for (int i = 0; i < rounds; i++) {
      run("export", new ExportedLog(List.of(file), Topic.DEFAULT_PREFIX, Selection.ALL));
    }
    Files.delete(file);
    if (args.length > 2) {
      try (KafkaContainer kafka =
          new KafkaContainer(
              DockerImageName.parse(args[2]).asCompatibleSubstituteFor("apache/kafka"))) {
        kafka.start();
        produce(records, kafka.getBootstrapServers());
        records = null;
        for (int i = 0; i < rounds; i++) {
          run("broker", fromBroker(kafka.getBootstrapServers()));
        }
      }
    }
  }

  private static void run(String what, LogSource source) throws Exception {
    try (source) {
      Replay replay = new Replay(Histories.RULES, _ -> {}, (_, _) -> {});
      long cpu = cpuNanos();
      long start = System.nanoTime();
      Summary summary = replay.run(source);
      double seconds = (System.nanoTime() - start) / 1e9;
      double micros = (cpuNanos() - cpu) / 1e3 / summary.recordCount();
      System.out.printf(
          Locale.ROOT,
          "%-8s %,9.0f events/s, %.2f us of CPU each (%,d in %.2f s, %d violations)%n",
          what,
          summary.recordCount() / seconds,
          micros,
          summary.recordCount(),
          seconds,
          summary.violationCount());
    }
  }

  /** Of all threads: tells the work done also on a machine that is busy with other things. */
  private static long cpuNanos() {
    return java.lang.management.ManagementFactory.getPlatformMXBean(
            com.sun.management.OperatingSystemMXBean.class)
        .getProcessCpuTime();
  }

  private static void produce(List<LogRecord> records, String bootstrap) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin
          .createTopics(
              java.util.Arrays.stream(Topic.history())
                  .map(
                      t ->
                          new NewTopic(t.named("sandbox."), 12, (short) 1)
                              // The times are the generator's, in the future or not.
                              .configs(
                                  Map.of("message.timestamp.after.max.ms", "" + Long.MAX_VALUE)))
                  .toList())
          .all()
          .get();
    }
    try (var producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "linger.ms", "20", "batch.size", "262144"),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      Future<?> last = null;
      for (LogRecord record : records) {
        ConsumerRecord<byte[], byte[]> raw = record.raw();
        last =
            producer.send(
                new ProducerRecord<>(
                    raw.topic(),
                    raw.partition(),
                    raw.timestamp(),
                    raw.key(),
                    raw.value(),
                    raw.headers()),
                (_, failure) -> {
                  if (failure != null) {
                    failure.printStackTrace();
                  }
                });
      }
      producer.flush();
      last.get();
    }
  }

  private static LogSource fromBroker(String bootstrap) {
    var consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers", bootstrap,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", "false",
                "max.poll.records", "20000",
                "fetch.min.bytes", "65536",
                "fetch.max.wait.ms", "50",
                "receive.buffer.bytes", "1048576"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    var partitions =
        java.util.Arrays.stream(Topic.history())
            .flatMap(t -> consumer.partitionsFor(t.named("sandbox.")).stream())
            .map(p -> new org.apache.kafka.common.TopicPartition(p.topic(), p.partition()))
            .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    return new KafkaLogSource(consumer, "sandbox.", Selection.ALL);
  }
}
