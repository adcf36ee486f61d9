/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** An agent service that runs commands: publishes execs and receives output and ends. */
final class CommandClient implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final String prefix;
  private final Producer<byte[], byte[]> producer;
  private final Consumer<byte[], byte[]> consumer;
  private final Map<String, Run> pending = new ConcurrentHashMap<>();
  private final Thread receiver;
  private volatile boolean closed;
  private volatile String failure = "";

  /** A command and what was received of it; all instants by {@link System#nanoTime}. */
  static final class Run {
    private final long intended;
    private volatile long firstOutput;
    private volatile long ended;
    private volatile long bytes;
    private volatile long outputs;
    private volatile Exited exited;

    private Run(long intended) {
      this.intended = intended;
    }

    double endMillis() {
      return (ended - intended) / 1e6;
    }

    double firstOutputMillis() {
      return (firstOutput - intended) / 1e6;
    }

    /** Of streamed output. */
    long bytes() {
      return bytes;
    }

    Exited exited() {
      return exited;
    }
  }

  CommandClient(Kafka kafka, String prefix, int partitions) {
    this.prefix = prefix;
    this.producer = kafka.clients(prefix, "command-client").producer();
    this.consumer = kafka.fromEnd(prefix, "command-client", partitions, Topic.OUTPUT, Topic.EXITED);
    this.receiver = Thread.ofPlatform().name("command-client").start(this::receive);
  }

  /** Publishes a command that was to be published at an instant. */
  Run start(UserId user, List<String> command, boolean stream, int maxOutput, long intended) {
    Exec exec =
        new Exec(
            UUID.randomUUID().toString(),
            user,
            Instant.now(),
            "bench",
            null,
            new Exec.Program.Command(command),
            Data.EMPTY,
            false,
            Map.of(),
            null,
            null,
            maxOutput,
            stream,
            null,
            true);
    Run run = new Run(intended);
    pending.put(exec.eventId(), run);
    producer.send(
        new ProducerRecord<>(
            Topic.EXEC.named(prefix), Kafka.CODEC.key(exec), Kafka.CODEC.encode(exec)));
    return run;
  }

  /** Runs a command, and returns its end. */
  Run run(UserId user, List<String> command) throws InterruptedException {
    Run run = start(user, command, false, 1 << 16, System.nanoTime());
    awaitAll();
    return run;
  }

  /** Waits until nothing is unanswered. */
  void awaitAll() throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!pending.isEmpty() && failure.isEmpty()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(pending.size() + " commands without an answer");
      }
      TimeUnit.MILLISECONDS.sleep(1);
    }
    if (!failure.isEmpty()) {
      throw new IllegalStateException("a command failed: " + failure);
    }
  }

  private void receive() {
    try (consumer) {
      while (!closed) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          take(record, System.nanoTime());
        }
      }
    } catch (EventFormatException e) {
      failure = e.toString();
    }
  }

  private void take(ConsumerRecord<byte[], byte[]> record, long now) throws EventFormatException {
    boolean output = record.topic().equals(Topic.OUTPUT.named(prefix));
    SandboxEvent event =
        Kafka.CODEC.decode(
            output ? Topic.OUTPUT : Topic.EXITED, record.key(), record.value(), Origins.of(record));
    if (event instanceof Output o) {
      Run run = pending.get(o.execId());
      if (run != null) {
        if (run.firstOutput == 0) {
          run.firstOutput = now;
        }
        run.bytes += o.data().length(); // of this thread alone
        run.outputs++;
        endWhereWhole(o.execId(), run, now);
      }
    } else if (event instanceof Exited e) {
      Run run = pending.get(e.execId());
      if (run != null) {
        run.exited = e;
        if (e.reason() != Exited.Reason.EXITED || !Integer.valueOf(0).equals(e.exitCode())) {
          failure = e.toString();
        }
        endWhereWhole(e.execId(), run, now);
      }
    }
  }

  /** Its last outputs may be received behind its end, from another topic. */
  private void endWhereWhole(String execId, Run run, long now) {
    Exited exited = run.exited;
    if (exited != null && run.outputs >= exited.outputCount()) {
      run.ended = now;
      pending.remove(execId);
    }
  }

  @Override
  public void close() {
    closed = true;
    try {
      receiver.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close();
  }
}
