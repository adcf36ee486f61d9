/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Runs the commands of all users on this machine, in a directory that stands for their sandboxes.
 */
final class PlayedWorker implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(20);

  private final KafkaLog log;
  private final Consumer<byte[], byte[]> requests;
  private final LocalCommands commands;
  private final AtomicBoolean isClosed = new AtomicBoolean();
  private final List<SandboxEvent> received = new CopyOnWriteArrayList<>();
  private final List<Thread> threads;

  PlayedWorker(KafkaLog log, Path directory) throws CommandException {
    this.log = log;
    this.commands = new LocalCommands(directory);
    this.requests = log.fromEnd(Topic.EXEC, Topic.INPUT, Topic.RELEASE);
    this.threads =
        List.of(
            Thread.ofPlatform().start(() -> repeat(this::receive)),
            Thread.ofPlatform().start(() -> repeat(this::answer)));
  }

  /** The requests so far. */
  List<SandboxEvent> received() {
    return Collections.unmodifiableList(received);
  }

  private interface Step {
    void run() throws CommandException, InterruptedException;
  }

  private void repeat(Step step) {
    try {
      while (!isClosed.get()) {
        step.run();
      }
    } catch (CommandException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void receive() throws CommandException, InterruptedException {
    for (ConsumerRecord<byte[], byte[]> record : requests.poll(POLL)) {
      SandboxEvent event = Records.event(record, log.config().topicPrefix()).event();
      if (event != null) {
        received.add(event);
      }
      switch (event) {
        case Exec exec -> commands.publish(exec);
        case Input input -> commands.publish(input);
        case Release release -> log.publish(reaped(release));
        case null, default -> throw new IllegalStateException("not a request: " + record);
      }
    }
  }

  private static Reaped reaped(Release release) {
    return SampleEvents.reaped(
        release.userId(),
        Instant.now(),
        new ContainerRef("name", "c1", "h1", "w1"),
        Reaped.Reason.REQUESTED);
  }

  private void answer() throws CommandException, InterruptedException {
    for (SandboxEvent event : commands.poll(POLL)) {
      log.publish(event);
    }
  }

  @Override
  public void close() {
    isClosed.set(true);
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    requests.close();
    commands.close();
    log.close();
  }
}
