/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The wire form, byte by byte. A change here breaks every reader that exists. */
class GoldenTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant AT = Instant.parse("2026-11-24T12:00:00.123Z");
  private static final String NAME = "zcbot-sandbox-" + USER;
  private static final Origin ORIGIN = new Origin("t", 0, 0, Instant.EPOCH);

  private final EventCodec codec = new EventCodec();

  static Stream<Arguments> events() {
    return Stream.of(
        Arguments.of(
            "ensure",
            new Ensure("e-1", USER, AT, "agent-service", Instant.parse("2026-11-24T12:01:00Z"))),
        Arguments.of("ensure-minimal", new Ensure("e-1", USER, AT, null, null)),
        Arguments.of("activity", new Activity("a-1", USER, AT, "shell")),
        Arguments.of("activity-minimal", new Activity("a-1", USER, AT, null)),
        Arguments.of(
            "ready",
            new Ready(
                "r-1",
                USER,
                "e-1",
                AT,
                new ContainerRef(NAME, "0123456789abcdef", "host-1", "worker-1"),
                Ready.Outcome.CREATED,
                new Ready.Environment(
                    "unix:///var/run/docker.sock",
                    "zcbot-sandbox:latest",
                    "default",
                    "/var/lib/zcbot/workspaces/" + USER,
                    Duration.ofSeconds(300)),
                321)),
        Arguments.of(
            "ready-minimal",
            new Ready(
                "r-1",
                USER,
                "e-1",
                AT,
                new ContainerRef(NAME, "0123456789abcdef", "host-1", "worker-1"),
                Ready.Outcome.CREATED,
                new Ready.Environment(
                    "unix:///var/run/docker.sock",
                    "zcbot-sandbox:latest",
                    "default",
                    "/var/lib/zcbot/workspaces/" + USER,
                    null),
                321)),
        Arguments.of(
            "reaped",
            new Reaped(
                "x-1",
                USER,
                AT,
                new ContainerRef(NAME, "0123456789abcdef", "host-1", "worker-1"),
                Reaped.Reason.DIED,
                Instant.parse("2026-11-24T11:59:00Z"),
                137,
                true)),
        Arguments.of(
            "reaped-minimal",
            new Reaped(
                "x-1",
                USER,
                AT,
                new ContainerRef(NAME, "0123456789abcdef", "host-1", "worker-1"),
                Reaped.Reason.IDLE,
                null,
                null,
                null)),
        Arguments.of(
            "failed",
            new Failed(
                "f-1",
                USER,
                "e-1",
                AT,
                Failed.Reason.IMAGE_MISSING,
                "could not create …: \"no such image\"\nbuild it",
                false)));
  }

  @ParameterizedTest
  @MethodSource("events")
  void isWrittenLikeThis(String file, SandboxEvent event) throws Exception {
    assertThat(new String(codec.encode(event), StandardCharsets.UTF_8)).isEqualTo(golden(file));
    assertThat(codec.key(event)).asString(StandardCharsets.US_ASCII).isEqualTo(USER.toString());
  }

  @ParameterizedTest
  @MethodSource("events")
  void isReadFromThis(String file, SandboxEvent event) throws Exception {
    byte[] value = golden(file).getBytes(StandardCharsets.UTF_8);
    assertThat(codec.decode(event.topic(), codec.key(event), value, ORIGIN)).isEqualTo(event);
  }

  private static String golden(String file) throws Exception {
    try (InputStream in = GoldenTest.class.getResourceAsStream("/golden/" + file + ".json")) {
      assertThat(in).as(file).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).stripTrailing();
    }
  }
}
