/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.eof;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hang;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EngineWatchTest extends AdapterTestCase {
  @Test
  void reportsWhatHappensToSandboxes() {
    String events =
        event("exec_start: bash -c 'sleep 1'", "")
            + event("exec_die", ",\"exitCode\":\"0\"")
            + event("oom", "")
            + event("pause", "")
            + event("rename", ",\"oldName\":\"/x\"")
            + event("die", ",\"exitCode\":\"137\"")
            + event("die", ",\"exitCode\":\"what\"")
            + event("destroy", "")
            + event("die", "").replace(USER.toString(), "../x")
            + "{\"Type\":\"container\",\"Action\":\"die\"}\n";
    fake.on("GET", "/events", stream(events.getBytes(StandardCharsets.UTF_8)));
    List<EngineEvent> seen = new ArrayList<>();
    AtomicInteger connected = new AtomicInteger();

    EngineException e =
        failure(
            () ->
                engine.watch(
                    Instant.parse("2026-01-02T03:04:05.006Z"),
                    connected::incrementAndGet,
                    seen::add));

    assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    assertThat(connected).hasValue(1);
    assertThat(seen)
        .containsExactly(
            seen(EngineEvent.Kind.EXEC, null),
            seen(EngineEvent.Kind.EXEC, null),
            seen(EngineEvent.Kind.PAUSED, null),
            seen(EngineEvent.Kind.RENAMED, null),
            seen(EngineEvent.Kind.DIED, 137),
            seen(EngineEvent.Kind.DIED, null),
            seen(EngineEvent.Kind.DESTROYED, null));
    assertThat(fake.asked("GET", "/events").getFirst().target())
        .contains("since=1767323045.006000000")
        .contains("zcbot.product%3Dsandbox", "exec_start");
  }

  @Test
  void theWorkersOwnRunnerIsNoUse() {
    String events =
        event("exec_start: /usr/local/lib/zcbot/zcbot-runner-exec ", ",\"execID\":\"e1\"")
            + event("exec_start: /usr/local/lib/zcbot/zcbot-runner x", ",\"execID\":\"e2\"")
            + event("exec_die", ",\"execID\":\"e1\"")
            + event("exec_die", ",\"execID\":\"e2\"")
            + event("exec_die", ",\"execID\":\"e1\"");
    fake.on("GET", "/events", stream(events.getBytes(StandardCharsets.UTF_8)));
    List<EngineEvent> seen = new ArrayList<>();

    failure(() -> engine.watch(Instant.EPOCH, () -> {}, seen::add));

    assertThat(seen).extracting(EngineEvent::kind).containsOnly(EngineEvent.Kind.EXEC).hasSize(3);
  }

  /** An idle slot is of no use without its entrance; that of one that is claimed just ends. */
  @Test
  void theEndOfASlotsEntranceIsReportedWhileTheSlotIsIdle() {
    String start = "exec_start: /usr/local/lib/zcbot/zcbot-entrance a b";
    String events =
        slotEvent(start, "e1", Container.SLOT_PREFIX + "s1")
            + slotEvent("exec_die", "e1", Container.SLOT_PREFIX + "s1")
            + slotEvent(start, "e2", Container.SLOT_PREFIX + "s1")
            + slotEvent("exec_die", "e2", Container.nameOf(USER));
    fake.on("GET", "/events", stream(events.getBytes(StandardCharsets.UTF_8)));
    List<EngineEvent> seen = new ArrayList<>();

    failure(() -> engine.watch(Instant.EPOCH, () -> {}, seen::add));

    assertThat(seen).extracting(EngineEvent::kind).containsExactly(EngineEvent.Kind.EXEC);
    assertThat(seen).extracting(EngineEvent::user).containsOnlyNulls();
  }

  private static String slotEvent(String action, String exec, String name) {
    return event(action, ",\"execID\":\"" + exec + "\"")
        .replace("\"zcbot.user_id\":\"" + USER, "\"zcbot.slot\":\"s1")
        .replace("\"name\":\"n\"", "\"name\":\"" + name + "\"");
  }

  @Test
  void aBrokenStreamIsReported() {
    for (Reply reply :
        List.of(
            reset(),
            eof(),
            stream("{\"Type\":\"cont".getBytes(StandardCharsets.UTF_8)),
            stream("<html>".getBytes(StandardCharsets.UTF_8)))) {
      fake.on("GET", "/events", reply);

      EngineException e = failure(() -> engine.watch(Instant.EPOCH, () -> {}, event -> {}));
      assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    }
    fake.on("GET", "/events", error(400, "bad filter"));
    assertThat(failure(() -> engine.watch(Instant.EPOCH, () -> {}, event -> {})).kind())
        .isEqualTo(Kind.REJECTED);
  }

  @Test
  void interruptingEndsAWatchNormally() throws InterruptedException {
    for (Reply reply : List.of(openStream(), hang())) {
      fake.on("GET", "/events", reply);
      CountDownLatch connected = new CountDownLatch(1);
      AtomicBoolean normal = new AtomicBoolean();
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      engine.watch(Instant.EPOCH, connected::countDown, event -> {});
                      normal.set(Thread.currentThread().isInterrupted());
                    } catch (EngineException e) {
                      throw new AssertionError(e);
                    }
                  });
      connected.await(200, TimeUnit.MILLISECONDS);
      thread.interrupt();

      assertThat(thread.join(PATIENT.dividedBy(2))).isTrue();
      assertThat(normal).isTrue();
    }
  }

  @Test
  void aListenersOwnFailureIsNotTheEngines() {
    fake.on("GET", "/events", openStream(event("pause", "").getBytes(StandardCharsets.UTF_8)));
    IllegalStateException bug = new IllegalStateException("bug");

    Throwable thrown =
        catchThrowableOfType(
            RuntimeException.class,
            () ->
                engine.watch(
                    Instant.EPOCH,
                    () -> {},
                    event -> {
                      throw bug;
                    }));

    assertThat(thrown).isSameAs(bug);
  }

  private static String event(String action, String attributes) {
    return """
    {"Type":"container","Action":"%s","status":"x","id":"c1","scope":"local","time":1767323045,\
    "timeNano":1767323045006000001,"Actor":{"ID":"c1","Attributes":{"zcbot.product":"sandbox",\
    "zcbot.user_id":"%s","zcbot.worker":"w1","name":"n"%s}}}
    """
        .formatted(action, USER, attributes);
  }

  private static EngineEvent seen(EngineEvent.Kind kind, @Nullable Integer exitCode) {
    return new EngineEvent(
        kind, USER, "c1", Instant.parse("2026-01-02T03:04:05.006000001Z"), exitCode);
  }
}
