/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EventTextTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant T = Instant.parse("2026-11-24T12:00:00Z");

  @Test
  void eachEventOnOneLine() {
    assertThat(EventText.of(new Ensure("e", USER, T, "svc", T.plusSeconds(60))))
        .isEqualTo("by svc, expires 2026-11-24T12:01:00Z, id e");
    assertThat(EventText.of(new Ensure("e", USER, T, null, null, null, Map.of("a", "b"), T)))
        .isEqualTo("ends 2026-11-24T12:00:00Z, id e");
    assertThat(EventText.of(new Activity("e", USER, T, "shell"))).isEqualTo("from shell");
    assertThat(EventText.of(new Activity("e", USER, T, null))).isEmpty();
    assertThat(
            EventText.of(
                new Ready(
                    "e",
                    USER,
                    "f",
                    T,
                    new ContainerRef("name", "0123456789abcdef", "h", "w"),
                    Ready.Outcome.REUSED,
                    new Ready.Environment("x", "i", "r", "/w", null),
                    3)))
        .isEqualTo("reused in 3 ms, name (0123456789ab) on h");
    assertThat(
            EventText.of(
                new Ensure("e", USER, T, null, null, null, null, null, "data-science", true)))
        .isEqualTo("profile data-science in any case, id e");
    assertThat(
            EventText.of(
                new Reaped(
                    "e",
                    USER,
                    T,
                    new ContainerRef("name", "id", "h", "w"),
                    Reaped.Reason.DIED,
                    T,
                    137,
                    true)))
        .isEqualTo(
            "died, name (id) on h, exit code 137, out of memory, last active"
                + " 2026-11-24T12:00:00Z");
    assertThat(
            EventText.of(
                new Failed("e", USER, "f", T, Failed.Reason.CAPACITY, "the host is full", true)))
        .isEqualTo("capacity: the host is full, may succeed later");
  }

  @Test
  void commandsOnOneLineWithoutWhatTheyReadAndWrite() {
    assertThat(
            EventText.of(
                new Exec(
                    "e",
                    USER,
                    T,
                    "svc",
                    T.plusSeconds(60),
                    new Exec.Program.Shell("cat\n\u001b[2J"),
                    Data.of("secret"),
                    true,
                    Map.of("TOKEN", "secret"),
                    null,
                    Duration.ofSeconds(5),
                    null,
                    true,
                    new TerminalSize(80, 24),
                    true)))
        .isEqualTo(
            "cat ?[2J, by svc, 6 bytes of input, terminal of 80 × 24, at most 5 s, expires"
                + " 2026-11-24T12:01:00Z, id e");
    assertThat(EventText.of(input(new Input.Content.Bytes(Data.of("secret")))))
        .isEqualTo("6 bytes, for e");
    assertThat(EventText.of(input(new Input.Content.End()))).isEqualTo("end of input, for e");
    assertThat(EventText.of(input(new Input.Content.Signal(CommandSignal.INT))))
        .isEqualTo("signal INT, for e");
    assertThat(EventText.of(input(new Input.Content.Resize(new TerminalSize(1, 2)))))
        .isEqualTo("terminal of 1 × 2, for e");
    assertThat(
            EventText.of(
                new Started(
                    "s", USER, "e", T, 17, new ContainerRef("name", "0123456789abcdef", "h", "w"))))
        .isEqualTo("pid 17, in name (0123456789ab) on h, of e");
    assertThat(
            EventText.of(
                new Output("o", USER, "e", T, 3, OutputStreamName.STDERR, Data.of("secret"))))
        .isEqualTo("6 bytes of stderr, seq 3, of e");
  }

  private static Input input(Input.Content content) {
    return new Input("i", USER, T, "e", content);
  }

  @Test
  void theEndOfACommandOnOneLine() {
    assertThat(
            EventText.of(
                new Exited(
                    "x",
                    USER,
                    "e",
                    T,
                    Exited.Reason.TIMEOUT,
                    null,
                    9,
                    Data.of("secret"),
                    Data.of("x"),
                    0,
                    true,
                    2,
                    new ContainerRef("name", "0123456789abcdef", "h", "w"),
                    T,
                    5003,
                    Duration.ofMillis(7),
                    null,
                    false)))
        .isEqualTo(
            "timeout, signal 9, after 5003 ms, 7 bytes of output, output cut, 2 processes left, in"
                + " name (0123456789ab) on h, of e");
    assertThat(
            EventText.of(
                new Exited(
                    "x",
                    USER,
                    "e",
                    T,
                    Exited.Reason.REJECTED,
                    null,
                    null,
                    null,
                    null,
                    0,
                    false,
                    0,
                    new WorkerRef("h", "w"),
                    null,
                    0,
                    null,
                    "64 commands wait already",
                    true)))
        .isEqualTo("rejected, by w on h, 64 commands wait already, may succeed later, of e");
  }

  @Test
  void releasesAndNoticesOnOneLine() {
    assertThat(EventText.of(new Release("r", USER, T, "svc", T, "0123456789abcdef")))
        .isEqualTo("by svc, expires " + T + ", container 0123456789ab, id r");
    assertThat(EventText.of(new Release("r", USER, T, null, null, null))).isEqualTo("id r");
    assertThat(
            EventText.of(
                new Expiring("n", USER, T, "0123456789abcdef", T, Expiring.Reason.LIFETIME)))
        .isEqualTo("lifetime, at 2026-11-24T12:00:00Z, container 0123456789ab");
  }

  @Test
  void noEscapeSequenceReachesTheTerminal() {
    assertThat(EventText.of(new Activity("e", USER, T, "\u001b[2J\u009b31m\r\nx\u202e\u2028y")))
        .isEqualTo("from ?[2J?31m??x??y");
  }
}
