/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class UserDescriptionTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant NOW = Instant.parse("2026-11-24T12:00:00Z");
  private static final LiveSandbox LIVE = live("h1");

  private final List<RecentEvents.Entry> entries = new ArrayList<>();
  private UserDescription.@Nullable Commands commands;
  private boolean isLastUseKnown = true;

  @Test
  void aSandboxIsDescribed() {
    happened(Duration.ofMinutes(4), new Ensure("e1", USER, NOW, "svc", null));
    happened(Duration.ofMinutes(3), ready("e1", Ready.Outcome.CREATED));
    happened(Duration.ofMinutes(1), new Ensure("e2", USER, NOW, "svc", null));
    happened(Duration.ofSeconds(30), ready("e2", Ready.Outcome.REUSED));

    assertThat(text(LIVE, NOW.minusSeconds(30)))
        .isEqualTo(
            """
            User:         7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10
            Sandbox:      zcbot-sandbox-7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10 (0123456789ab)
            Profile:      default
            Host:         h1
            Worker:       w1
            Engine:       unix:///x
            Image:        img
            Since:        2026-11-24T11:57:00.000Z (3m0s ago)
            Last use:     2026-11-24T11:59:30.000Z (30s ago)
            Idle TTL:     5m, at least 4m30s left
            Last ensure:  2026-11-24T11:59:30.000Z (30s ago), ready, reused in 3 ms, zcbot-sandbox-7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10 (0123456789ab) on h1
            Events:       the last 4, all since 2026-11-23T12:00:00.000Z (1d0h ago)
              2026-11-24T11:56:00.000Z  ensure       by svc, id e1
              2026-11-24T11:57:00.000Z  ready        created in 3 ms, zcbot-sandbox-7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10 (0123456789ab) on h1
              2026-11-24T11:59:00.000Z  ensure       by svc, id e2
              2026-11-24T11:59:30.000Z  ready        reused in 3 ms, zcbot-sandbox-7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10 (0123456789ab) on h1
            """);
  }

  @Test
  void withoutASandboxTheReasonOfTheLastFailureIsReported() {
    happened(
        Duration.ofHours(2),
        SampleEvents.reaped(USER, NOW, SampleEvents.container(USER, "id"), Reaped.Reason.IDLE));
    happened(Duration.ofMinutes(2), new Ensure("e1", USER, NOW, null, null));
    happened(Duration.ofMinutes(1), failed("e1", "the host is full"));

    assertThat(text(null, null))
        .contains(
            "Sandbox:      none\n"
                + "Last ensure:  2026-11-24T11:59:00.000Z (1m0s ago), failed, capacity: the host is"
                + " full, may succeed later\n")
        .doesNotContain("Host:", "Idle TTL:");
  }

  @Test
  void aUserOfWhomNothingIsKnown() {
    assertThat(text(null, null))
        .isEqualTo(
            """
            User:         7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10
            Sandbox:      none
            Last ensure:  none since 2026-11-23T12:00:00.000Z (1d0h ago)
            Events:       none since 2026-11-23T12:00:00.000Z (1d0h ago)
            """);
  }

  @Test
  void anEnsureThatWaitsForItsAnswerIsNotHiddenByTheLastAnswer() {
    happened(Duration.ofMinutes(2), failed("e1", "the host is full"));
    happened(Duration.ofMinutes(1), new Ensure("e2", USER, NOW, "svc", null));

    assertThat(text(null, null)).contains("(1m0s ago), not answered, by svc, id e2\n");
  }

  @Test
  void aSandboxThatIsUnusedForLongerThanItsTtlMayStillRunACommand() {
    happened(Duration.ofMinutes(9), ready("e1", Ready.Outcome.CREATED));

    assertThat(text(LIVE, null))
        .contains(
            "Last use:     none within the idle TTL\n", "Idle TTL:     5m, at least 0s left\n");
  }

  @Test
  void aLastUseThatIsNotKnownIsNotTakenForNone() throws Exception {
    happened(Duration.ofMinutes(3), ready("e1", Ready.Outcome.CREATED));
    isLastUseKnown = false;

    assertThat(text(LIVE, null))
        .contains(
            "Last use:     not known, what was written within the idle TTL could not be read within 5s\n",
            "Idle TTL:     5m\n");
    JsonNode json = new JsonMapper().readTree(description(LIVE, null).json(format()));
    assertThat(json.get("sandbox").get("last_used_at").isNull()).isTrue();
    assertThat(json.get("sandbox").get("idle_ttl_left_seconds").isNull()).isTrue();
  }

  @Test
  void theTtlOfAnotherContainerSaysNothing() {
    happened(Duration.ofMinutes(1), ready("e1", Ready.Outcome.CREATED));

    LiveSandbox other = new LiveSandbox(USER, "another", "h1", "w1", NOW);
    assertThat(text(other, NOW))
        .contains("Idle TTL:     not known, no ready since")
        .doesNotContain("Engine:");
  }

  @Test
  void withoutItsReadyTheTtlIsThatOfTheSandboxesEntry() {
    LiveSandbox live =
        new LiveSandbox(
            USER, "id", "h1", "w1", NOW.minusSeconds(90_000), Duration.ofHours(48), null);
    assertThat(text(live, NOW.minus(Duration.ofHours(1))))
        .contains("Idle TTL:     2d, at least 1d23h left\n");
  }

  @Test
  void itsEndAndLabelsAreShownWithoutWhatCouldControlATerminal() throws Exception {
    LiveSandbox live =
        new LiveSandbox(
            USER,
            "id",
            "h1",
            "w1",
            NOW,
            null,
            null,
            Map.of("tenant", "acme", "task", "a\u001b[31m\nb"),
            NOW.plusSeconds(300));
    assertThat(text(live, null))
        .contains(
            "Ends:         2026-11-24T12:05:00.000Z\n",
            "Label:        tenant=acme\n",
            "Label:        task=a?[31m?b\n");
    JsonNode sandbox =
        new JsonMapper().readTree(description(live, null).json(format())).get("sandbox");
    assertThat(sandbox.get("ends_at").asText()).isEqualTo("2026-11-24T12:05:00Z");
    assertThat(sandbox.get("labels").get("tenant").asText()).isEqualTo("acme");
  }

  @Test
  void whatItWasRefusedIsShownNewestFirst() throws Exception {
    LiveSandbox live =
        new LiveSandbox(
            USER,
            "id",
            "h1",
            "w1",
            NOW,
            null,
            null,
            Map.of(),
            null,
            ProfileName.DEFAULT,
            Network.WHOLE,
            List.of(
                new RefusedEgress(NOW.minusSeconds(60), "tls", null, 443, "no-name"),
                new RefusedEgress(NOW.minusSeconds(5), "dns", "a.example", 53, "not-allowed")));
    assertThat(text(live, null))
        .contains(
            """
            Refused:      dns to a.example on port 53 (not-allowed), 2026-11-24T11:59:55.000Z (5s ago)
            Refused:      tls to no name on port 443 (no-name), 2026-11-24T11:59:00.000Z (1m0s ago)
            """);
    JsonNode refused =
        new JsonMapper()
            .readTree(description(live, null).json(format()))
            .get("sandbox")
            .get("egress_refused");
    assertThat(refused.get(0).get("name").asText()).isEqualTo("a.example");
    assertThat(refused.get(1).get("name").isNull()).isTrue();
    assertThat(refused.get(1).get("reason").asText()).isEqualTo("no-name");
  }

  @Test
  void noUseIsSaidToBeOutsideATtlThatIsNotKnown() {
    LiveSandbox live = new LiveSandbox(USER, "id", "h1", "w1", NOW.minusSeconds(90_000));
    assertThat(text(live, null))
        .contains(
            "Last use:     none that was read; the idle TTL is not known\n",
            "Idle TTL:     not known, no ready since");
  }

  @Test
  void onlyTheLastTenEventsAreListed() {
    for (int i = 11; i >= 1; i--) {
      happened(Duration.ofMinutes(i), new Ensure("e" + i, USER, NOW, null, null));
    }
    assertThat(text(null, null))
        .contains("Events:       the last 10\n", "id e10\n", "id e1\n")
        .doesNotContain("id e11\n");
  }

  @Test
  void textsOfOthersCanNotActOnTheTerminal() {
    happened(
        Duration.ofMinutes(1),
        new Failed("f", USER, "e", NOW, Failed.Reason.INTERNAL, "\u001b[2J\nUser: x", true));

    String text = text(live("h\u001b[31m\r\nSandbox: none"), NOW);

    assertThat(text).contains("Host:         h?[31m??Sandbox: none\n", "internal: ?[2J?User: x,");
    assertThat(text.replace("\n", "")).doesNotContainPattern("\\p{Cntrl}");
  }

  @Test
  void json() throws Exception {
    happened(Duration.ofMinutes(3), ready("e1", Ready.Outcome.CREATED));
    happened(Duration.ofMinutes(1), failed("e2", "a\nb"));

    String json = description(LIVE, NOW.minusSeconds(60)).json(format());

    assertThat(json.lines()).hasSize(1);
    JsonNode root = new JsonMapper().readTree(json);
    assertThat(root.get("user_id").asText()).isEqualTo(USER.toString());
    assertThat(root.get("sandbox").get("host").asText()).isEqualTo("h1");
    assertThat(root.get("sandbox").get("idle_ttl_seconds").asInt()).isEqualTo(300);
    assertThat(root.get("sandbox").get("idle_ttl_left_seconds").asInt()).isEqualTo(240);
    assertThat(root.get("sandbox").get("last_used_at").asText()).isEqualTo("2026-11-24T11:59:00Z");
    assertThat(root.get("last_ensure").asText()).isEqualTo("failed");
    assertThat(root.get("last_ensure_event").get("event").get("message").asText())
        .isEqualTo("a\nb");
    assertThat(root.get("events")).hasSize(2);
  }

  @Test
  void commandsAreListedApartAndWithoutWhatTheyReadAndWrote() throws Exception {
    Exec exec = SampleEvents.exec(USER, "cat", "secret.txt");
    happened(Duration.ofMinutes(2), exec);
    happened(
        Duration.ofMinutes(1),
        SampleEvents.exited(
            exec, Exited.Reason.EXITED, 0, null, 0, Data.of("the secret"), null, false));
    commands =
        new UserDescription.Commands(
            1, new RecentEvents(NOW.minus(Duration.ofDays(1)), List.copyOf(entries)));
    entries.clear();

    assertThat(text(LIVE, NOW))
        .contains(
            "Events:       none since", "Commands:     1 running, the last 2 events, all since")
        .contains("exec         cat secret.txt, by test", "exited       exited, exit code 0")
        .doesNotContain("the secret");
    String json = description(LIVE, NOW).json(format());
    JsonNode root = new JsonMapper().readTree(json);
    assertThat(root.get("commands_running").asInt()).isEqualTo(1);
    assertThat(root.get("command_events")).hasSize(2);
    assertThat(json).doesNotContain("the secret");
  }

  @Test
  void jsonWithoutASandbox() throws Exception {
    JsonNode root = new JsonMapper().readTree(description(null, null).json(format()));
    assertThat(root.get("sandbox").isNull()).isTrue();
    assertThat(root.get("last_ensure").isNull()).isTrue();
    assertThat(root.get("events")).isEmpty();
  }

  private static LiveSandbox live(String host) {
    return new LiveSandbox(USER, "0123456789abcdef", host, "w1", NOW.minus(Duration.ofMinutes(3)));
  }

  private static Ready ready(String ensureId, Ready.Outcome outcome) {
    return new Ready(
        "ready-" + ensureId,
        USER,
        ensureId,
        NOW,
        new ContainerRef("zcbot-sandbox-" + USER, "0123456789abcdef", "h1", "w1"),
        outcome,
        new Ready.Environment("unix:///x", "img", "runc", "/w", Duration.ofMinutes(5)),
        3);
  }

  private static Failed failed(String ensureId, String message) {
    return new Failed(
        "failed-" + ensureId, USER, ensureId, NOW, Failed.Reason.CAPACITY, message, true);
  }

  private void happened(Duration ago, SandboxEvent event) {
    EventCodec codec = new EventCodec();
    entries.add(
        new RecentEvents.Entry(
            new ConsumerRecord<>(
                event.topic().named("sandbox."),
                0,
                entries.size(),
                NOW.minus(ago).toEpochMilli(),
                TimestampType.LOG_APPEND_TIME,
                0,
                0,
                codec.key(event),
                codec.encode(event),
                new RecordHeaders(),
                Optional.empty()),
            event));
  }

  private UserDescription description(@Nullable LiveSandbox live, @Nullable Instant lastUse) {
    RecentEvents history = new RecentEvents(NOW.minus(Duration.ofDays(1)), entries);
    return new UserDescription(USER, live, history, commands, isLastUseKnown, lastUse, NOW);
  }

  private String text(@Nullable LiveSandbox live, @Nullable Instant lastUse) {
    return description(live, lastUse).text(format());
  }

  private static RecordFormat format() {
    return new RecordFormat("sandbox.", false);
  }
}
