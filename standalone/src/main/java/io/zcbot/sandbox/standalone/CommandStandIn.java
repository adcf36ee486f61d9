/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Answers execs as if the commands had run. Stands in for a worker in training. */
final class CommandStandIn implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(50);
  private static final EventCodec CODEC = new EventCodec();

  private final Consumer<byte[], byte[]> execs;
  private final Producer<byte[], byte[]> answers;
  private final Thread thread;
  private final CountDownLatch closed = new CountDownLatch(1);

  private CommandStandIn(Consumer<byte[], byte[]> execs, Producer<byte[], byte[]> answers) {
    this.execs = execs;
    this.answers = answers;
    this.thread = Thread.ofPlatform().name("command-stand-in").daemon().unstarted(this::answer);
  }

  static CommandStandIn start(String servers) {
    KafkaClients clients =
        new KafkaClients(
            new KafkaConfig(
                Map.of("bootstrap.servers", servers), "training", "sandbox.", true, 1, (short) 1),
            "command-stand-in");
    CommandStandIn standIn = new CommandStandIn(clients.freeConsumer("execs"), clients.producer());
    standIn.thread.start();
    return standIn;
  }

  private void answer() {
    try {
      do {
        if (execs.assignment().isEmpty()) {
          findExecs();
        } else {
          execs.poll(POLL).forEach(this::answer);
        }
      } while (!closed.await(execs.assignment().isEmpty() ? POLL.toMillis() : 0, MILLISECONDS));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** The topics are created by the first of the commands. */
  private void findExecs() {
    List<TopicPartition> partitions =
        execs.partitionsFor(Topic.EXEC.named("sandbox."), Duration.ofSeconds(10)).stream()
            .map(info -> new TopicPartition(info.topic(), info.partition()))
            .toList();
    execs.assign(partitions);
    execs.seekToBeginning(partitions);
  }

  private void answer(ConsumerRecord<byte[], byte[]> record) {
    try {
      Origin origin =
          new Origin(
              record.topic(),
              record.partition(),
              record.offset(),
              Instant.ofEpochMilli(record.timestamp()));
      Exec exec = CODEC.decodeExec(record.key(), record.value(), origin);
      publish(
          new Output(
              EventIds.output(exec.userId(), exec.eventId(), 0),
              exec.userId(),
              exec.eventId(),
              Instant.now(),
              0,
              OutputStreamName.STDOUT,
              Data.of("42\n")));
      publish(
          new Exited(
              EventIds.exited(exec.userId(), exec.eventId()),
              exec.userId(),
              exec.eventId(),
              Instant.now(),
              Exited.Reason.EXITED,
              0,
              null,
              null,
              null,
              1,
              false,
              0,
              new WorkerRef("host", "worker"),
              Instant.now(),
              1,
              Duration.ofMillis(1),
              null,
              false));
    } catch (EventFormatException e) {
      throw new IllegalStateException("the command line published something else than an exec", e);
    }
  }

  private void publish(SandboxEvent event) {
    var _ =
        answers.send(
            new ProducerRecord<>(
                event.topic().named("sandbox."), CODEC.key(event), CODEC.encode(event)));
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      thread.join(Duration.ofSeconds(15));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    execs.close();
    answers.close(Duration.ZERO);
  }
}
