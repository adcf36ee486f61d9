/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;

/** Events as workers publish them. */
final class Samples {
  static final Instant NOW = Instant.parse("2026-11-26T08:00:00Z");
  static final ContainerRef CONTAINER = new ContainerRef("zcbot-sandbox-u", "c1", "h", "w");

  private Samples() {}

  /** Brokers that have answered. */
  static Reach reach() {
    Reach reach = new Reach(List.of("127.0.0.1:9092"));
    reach.reached();
    return reach;
  }

  /** For tests that look nothing up. */
  static Consumer<byte[], byte[]> noTables() {
    throw new AssertionError("a table is read");
  }

  static UserId user() {
    return new UserId(UUID.randomUUID());
  }

  static Output output(UserId user, String execId, long seq, String text) {
    return new Output("o" + seq, user, execId, NOW, seq, OutputStreamName.STDOUT, Data.of(text));
  }

  /** An exited event of a command that ended by itself, with the given number of outputs. */
  static Exited exited(UserId user, String execId, long outputs) {
    return exited(user, execId, Exited.Reason.EXITED, NOW, outputs, false);
  }

  static Exited exited(
      UserId user,
      String execId,
      Exited.Reason reason,
      Instant startedAt,
      long outputs,
      boolean retryable) {
    return new Exited(
        "e-" + execId,
        user,
        execId,
        NOW,
        reason,
        reason == Exited.Reason.EXITED ? 0 : null,
        null,
        null,
        null,
        outputs,
        false,
        0,
        startedAt == null ? new WorkerRef("h", "w") : CONTAINER,
        startedAt,
        5,
        null,
        null,
        retryable);
  }

  static Started started(UserId user, String execId, int pid) {
    return new Started("s-" + execId, user, execId, NOW, pid, CONTAINER);
  }

  static Ready ready(UserId user, String ensureId) {
    return new Ready(
        "r",
        user,
        ensureId,
        NOW,
        CONTAINER,
        Ready.Outcome.CREATED,
        new Ready.Environment("unix:///x", "image", "default", "/w", Duration.ofSeconds(300)),
        1);
  }

  static Failed failed(UserId user, String ensureId) {
    return new Failed("f", user, ensureId, NOW, Failed.Reason.CAPACITY, "full", true);
  }

  static Reaped reaped(UserId user, String eventId) {
    return new Reaped(eventId, user, NOW, CONTAINER, Reaped.Reason.IDLE, null, null, null);
  }
}
