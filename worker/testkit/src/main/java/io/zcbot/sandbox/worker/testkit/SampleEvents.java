/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Site;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Events for which a test names the fields that matter. The others are absent or have usual values.
 */
public final class SampleEvents {
  private SampleEvents() {}

  public static ContainerRef container(UserId user, String id) {
    return new ContainerRef("zcbot-sandbox-" + user, id, "host-1", "worker-1");
  }

  public static Ready ready(
      UserId user,
      String ensureId,
      Instant at,
      ContainerRef container,
      Ready.Outcome outcome,
      long tookMs) {
    return new Ready(
        EventIds.ready(user, ensureId, container.id()),
        user,
        ensureId,
        at,
        container,
        outcome,
        new Ready.Environment("unix:///x", "image", "default", "/w", null),
        tookMs);
  }

  public static Reaped reaped(
      UserId user, Instant at, ContainerRef container, Reaped.Reason reason) {
    return new Reaped(
        EventIds.reaped(user, container.id()), user, at, container, reason, null, null, null);
  }

  /** The event with which another worker announces a sandbox lost whose user it took over. */
  public static Reaped lost(UserId user, String containerId) {
    ContainerRef container = new ContainerRef("name", containerId, "host", "another");
    return reaped(user, Instant.EPOCH, container, Reaped.Reason.LOST);
  }

  public static Exec exec(UserId user, String... command) {
    return exec(user, false, command);
  }

  public static Exec exec(UserId user, boolean inputFollows, String... command) {
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    return exec(
        UUID.randomUUID().toString(),
        user,
        now,
        "test",
        now.plusSeconds(60),
        new Exec.Program.Command(List.of(command)),
        inputFollows,
        Duration.ofSeconds(60));
  }

  public static Exec exec(String id, UserId user, Instant at, @Nullable String by, String script) {
    return exec(id, user, at, by, null, new Exec.Program.Shell(script), false, null);
  }

  public static Exec exec(
      String id,
      UserId user,
      Instant at,
      @Nullable String by,
      @Nullable Instant expires,
      Exec.Program program,
      boolean inputFollows,
      @Nullable Duration timeout) {
    return new Exec(
        id,
        user,
        at,
        by,
        expires,
        program,
        Data.EMPTY,
        inputFollows,
        Map.of(),
        null,
        timeout,
        null,
        true,
        null,
        true);
  }

  public static Exited exited(
      Exec exec,
      Exited.Reason reason,
      @Nullable Integer code,
      @Nullable Integer signal,
      long outputs) {
    return exited(exec, reason, code, signal, outputs, null, null, false);
  }

  public static Exited exited(
      Exec exec,
      Exited.Reason reason,
      @Nullable Integer code,
      @Nullable Integer signal,
      long outputs,
      @Nullable Data stdout,
      @Nullable String message,
      boolean retryable) {
    return new Exited(
        "x" + exec.eventId(),
        exec.userId(),
        exec.eventId(),
        Instant.now(),
        reason,
        code,
        signal,
        stdout,
        null,
        outputs,
        false,
        0,
        new WorkerRef("host", "worker"),
        null,
        1,
        null,
        message,
        retryable);
  }

  /** An exited event of a command of 512 MiB that ended by SIGKILL, or with a code. */
  public static Exited outOfMemory(Exec exec, @Nullable Integer code, String message) {
    return new Exited(
        "x" + exec.eventId(),
        exec.userId(),
        exec.eventId(),
        Instant.now(),
        code == null ? Exited.Reason.SIGNALLED : Exited.Reason.EXITED,
        code,
        code == null ? 9 : null,
        Data.EMPTY,
        Data.EMPTY,
        0,
        false,
        0,
        new WorkerRef("host", "worker"),
        Instant.now(),
        1,
        null,
        message,
        false,
        true,
        512L << 20);
  }

  /** An exited event with a container and its start time, or with a worker. */
  public static Exited exited(
      String id,
      UserId user,
      String execId,
      Instant at,
      Exited.Reason reason,
      @Nullable Integer code,
      long outputs,
      Site site,
      @Nullable Instant startedAt,
      long tookMs) {
    return new Exited(
        id, user, execId, at, reason, code, null, null, null, outputs, false, 0, site, startedAt,
        tookMs, null, null, false);
  }
}
