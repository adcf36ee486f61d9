/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class EventTextTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant T = Instant.parse("2026-11-24T12:00:00Z");

  @Test
  void eachEventOnOneLine() {
    assertThat(EventText.of(new Ensure("e", USER, T, "svc", T.plusSeconds(60))))
        .isEqualTo("by svc, expires 2026-11-24T12:01:00Z, id e");
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
  void noEscapeSequenceReachesTheTerminal() {
    assertThat(EventText.of(new Activity("e", USER, T, "\u001b[2J\u009b31m\r\nx\u202e\u2028y")))
        .isEqualTo("from ?[2J?31m??x??y");
  }
}
