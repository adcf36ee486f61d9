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
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The wire format, byte by byte. A change here breaks every existing reader. */
class GoldenTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant AT = Instant.parse("2026-11-24T12:00:00.123Z");
  private static final String NAME = "zcbot-sandbox-" + USER;
  private static final ContainerRef CONTAINER =
      new ContainerRef(NAME, "0123456789abcdef", "host-1", "worker-1");
  private static final Map<String, String> LABELS =
      Map.of("tenant", "acme", "meta.task", "one\nline \"quoted\"", "empty", "");
  private static final Instant ENDS_AT = Instant.parse("2026-11-24T12:05:00Z");
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
            "ensure-ttl", new Ensure("e-1", USER, AT, null, null, Duration.ofSeconds(1800))),
        Arguments.of(
            "ensure-labels", new Ensure("e-1", USER, AT, null, null, null, LABELS, ENDS_AT)),
        Arguments.of(
            "ensure-profile",
            new Ensure("e-1", USER, AT, null, null, null, null, null, "data-science", true)),
        Arguments.of(
            "ensure-network",
            new Ensure(
                "e-1",
                USER,
                AT,
                null,
                null,
                null,
                null,
                null,
                null,
                false,
                new Network(List.of("*.pypi.org", "github.com:443")))),
        Arguments.of(
            "ready-network",
            new Ready(
                "r-1",
                USER,
                "e-1",
                AT,
                CONTAINER,
                Ready.Outcome.RECREATED,
                new Ready.Environment(
                    "unix:///var/run/docker.sock", "zcbot-sandbox:latest", "default", "/w", null),
                321,
                Map.of(),
                null,
                "default",
                new Network(List.of("github.com:443")),
                "0123456789abcdef0123456789abcdef")),
        Arguments.of(
            "ready-profile",
            new Ready(
                "r-1",
                USER,
                "e-1",
                AT,
                CONTAINER,
                Ready.Outcome.RECREATED,
                new Ready.Environment(
                    "unix:///var/run/docker.sock", "zcbot-sandbox:latest", "default", "/w", null),
                321,
                Map.of(),
                null,
                "data-science")),
        Arguments.of(
            "ready-labels",
            new Ready(
                "r-1",
                USER,
                "e-1",
                AT,
                CONTAINER,
                Ready.Outcome.REUSED,
                new Ready.Environment(
                    "unix:///var/run/docker.sock", "zcbot-sandbox:latest", "default", "/w", null),
                321,
                LABELS,
                ENDS_AT)),
        Arguments.of(
            "reaped-use",
            new Reaped(
                "x-1",
                USER,
                AT,
                CONTAINER,
                Reaped.Reason.IDLE,
                Instant.parse("2026-11-24T11:59:00Z"),
                null,
                null,
                Reaped.Use.COMMAND)),
        Arguments.of(
            "exec",
            new Exec(
                "e-1",
                USER,
                AT,
                "agent-service",
                Instant.parse("2026-11-24T12:01:00Z"),
                new Exec.Program.Command(List.of("python3", "-c", "print(6*7)")),
                Data.of("one\n"),
                true,
                Map.of("LANG", "C", "A", "1"),
                "/workspace/src",
                Duration.ofSeconds(60),
                262_144,
                true,
                new TerminalSize(80, 24),
                false,
                true)),
        Arguments.of(
            "exec-profile",
            new Exec(
                "e-1",
                USER,
                AT,
                null,
                null,
                new Exec.Program.Shell("ls"),
                Data.EMPTY,
                false,
                Map.of(),
                null,
                null,
                null,
                false,
                null,
                true,
                false,
                "data-science")),
        Arguments.of(
            "exec-minimal",
            new Exec(
                "e-1",
                USER,
                AT,
                null,
                null,
                new Exec.Program.Shell("ls | wc -l"),
                Data.of(new byte[] {0, -1}),
                true,
                Map.of(),
                null,
                null,
                null,
                false,
                null,
                true)),
        Arguments.of(
            "input-data",
            new Input("i-1", USER, AT, "e-1", new Input.Content.Bytes(Data.of("6*7\n")))),
        Arguments.of("input-eof", new Input("i-1", USER, AT, "e-1", new Input.Content.End())),
        Arguments.of(
            "input-signal",
            new Input("i-1", USER, AT, "e-1", new Input.Content.Signal(CommandSignal.INT))),
        Arguments.of(
            "input-resize",
            new Input("i-1", USER, AT, "e-1", new Input.Content.Resize(new TerminalSize(132, 43)))),
        Arguments.of("started", new Started("s-1", USER, "e-1", AT, 17, CONTAINER)),
        Arguments.of(
            "output",
            new Output("o-1", USER, "e-1", AT, 3, OutputStreamName.STDERR, Data.of("42\n"))),
        Arguments.of(
            "exited",
            new Exited(
                "x-1",
                USER,
                "e-1",
                AT,
                Exited.Reason.EXITED,
                3,
                null,
                Data.of("42\n"),
                Data.of(new byte[] {0, -1}),
                0,
                true,
                2,
                CONTAINER,
                Instant.parse("2026-11-24T12:00:00Z"),
                123,
                Duration.ofMillis(11),
                null,
                false)),
        Arguments.of(
            "exited-memory",
            new Exited(
                "x-1",
                USER,
                "e-1",
                AT,
                Exited.Reason.SIGNALLED,
                null,
                9,
                Data.EMPTY,
                Data.EMPTY,
                0,
                false,
                0,
                CONTAINER,
                Instant.parse("2026-11-24T12:00:00Z"),
                123,
                Duration.ofMillis(11),
                "the sandbox's memory is used up",
                false,
                true,
                536870912L)),
        Arguments.of(
            "exited-minimal",
            new Exited(
                "x-1",
                USER,
                "e-1",
                AT,
                Exited.Reason.EXPIRED,
                null,
                null,
                null,
                null,
                0,
                false,
                0,
                new WorkerRef("host-1", "worker-1"),
                null,
                0,
                null,
                "the exec expired before it could start",
                true)),
        Arguments.of(
            "release",
            new Release(
                "r-1",
                USER,
                AT,
                "agent-service",
                Instant.parse("2026-11-24T12:01:00Z"),
                "0123456789abcdef")),
        Arguments.of("release-minimal", new Release("r-1", USER, AT, null, null, null)),
        Arguments.of(
            "expiring",
            new Expiring(
                "n-1",
                USER,
                AT,
                "0123456789abcdef",
                Instant.parse("2026-11-24T12:01:00Z"),
                Expiring.Reason.IDLE)),
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
