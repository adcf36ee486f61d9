/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.config.CommandsConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Recovers before the first ensure is served: ends or takes over what the previous run of this
 * worker left.
 */
public final class Recovery {
  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private final WorkerConfig config;
  private final Domain domain;
  private final Registry registry;
  private final LogReader reader;
  private final SandboxLog sandboxLog;
  private final KeyPartitions keyPartitions;
  private final Set<Integer> all;
  private final Time time;

  public Recovery(
      WorkerConfig config,
      Domain domain,
      Registry registry,
      LogReader reader,
      SandboxLog sandboxLog,
      KeyPartitions keyPartitions,
      Time time) {
    this.config = config;
    this.domain = domain;
    this.registry = registry;
    this.reader = reader;
    this.sandboxLog = sandboxLog;
    this.keyPartitions = keyPartitions;
    this.all = IntStream.range(0, sandboxLog.partitions()).boxed().collect(Collectors.toSet());
    this.time = time;
  }

  public void run(StartRetry retry) throws IOException, TopicsException, InterruptedException {
    switch (config.group().restart) {
      case PURGE -> {
        int purged =
            retry.untilItWorks(
                "purge", () -> domain.previousRun().purge(sandboxLog), Recovery::passes);
        log.info("purged {} sandboxes of the previous run", purged);
      }
      case ADOPT -> {
        Duration longest = config.profiles().longestIdleTtl();
        long ttlAgo = time.nanos() - longest.toNanos();
        int adopted =
            retry.untilItWorks(
                "adopt",
                () -> domain.previousRun().adopt(sandboxLog, keyPartitions::of, ttlAgo),
                Recovery::passes);
        if (adopted > 0) {
          boolean _ =
              retry.untilItWorks(
                  "read the latest ready events and execs",
                  () -> {
                    Instant since = time.now().minus(longest);
                    touch(Topic.READY, since, Reaped.Use.ENSURE);
                    // Execs instead of exited events, which contain the output of all users'
                    // commands.
                    if (config.commands().mode != CommandsConfig.Mode.OFF) {
                      touch(Topic.EXEC, since, Reaped.Use.COMMAND);
                    }
                    return true;
                  },
                  KafkaException.class::isInstance);
        }
        log.info("adopted {} sandboxes of the previous run", adopted);
      }
    }
    int slots =
        retry.untilItWorks(
            "remove old warm slots", domain.slots()::sweep, EngineException.class::isInstance);
    if (slots > 0) {
      log.info("removed {} warm slots of the previous run", slots);
    }
    domain.slots().announce();
  }

  /** Whether the engine or Kafka failed, so that a retry may succeed. */
  private static boolean passes(Throwable failure) {
    return failure instanceof EngineException || failure instanceof KafkaException;
  }

  /** Counts the records of a topic as uses, as the running worker does. */
  private void touch(Topic topic, Instant since, Reaped.Use use) {
    reader.read(config.kafka().topic(topic), all, since, record -> touch(record, use));
  }

  private void touch(ConsumerRecord<byte[], byte[]> record, Reaped.Use use) {
    if (record.key() == null) {
      return;
    }
    try {
      UserId user = UserId.parse(new String(record.key(), StandardCharsets.UTF_8));
      registry.touch(user, time.nanos() - time.age(Instant.ofEpochMilli(record.timestamp())), use);
    } catch (IllegalArgumentException _) {
      // No worker wrote that.
    }
  }
}
