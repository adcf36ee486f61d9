/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static io.zcbot.sandbox.worker.console.TestFleet.NOW;
import static io.zcbot.sandbox.worker.console.TestFleet.ago;
import static io.zcbot.sandbox.worker.console.TestFleet.container;
import static io.zcbot.sandbox.worker.console.TestFleet.user;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.Test;

class FleetTest {
  // The columns of a sandbox, as console.js names them.
  private static final int IDLE_TTL = 5;
  private static final int LAST_USE = 6;
  private static final int USE = 7;
  private static final int COMMANDS = 8;
  private static final int OUTCOME = 9;
  private static final int EXPIRING_AT = 11;

  // The columns of a user's history and of the failures.
  private static final int COMMAND = 5;
  private static final int FIRST = 5;
  private static final int COUNT = 6;

  private final TestFleet fleet = new TestFleet();

  private JsonNode row() throws Exception {
    JsonNode rows = fleet.sandboxes(0).get("rows");
    assertThat(rows).hasSize(1);
    return rows.get(0);
  }

  @Test
  void aSandboxHasWhatItsTableEntryAndItsEventsTell() throws Exception {
    fleet.live(1, 100);
    fleet.ready(1, "n1", 100);
    fleet.activity(1, 40);
    assertThat(row().get(0).asText()).isEqualTo("id-1");
    assertThat(row().get(1).asText()).isEqualTo(user(1).toString());
    assertThat(row().get(2).asText()).isEqualTo("h1");
    assertThat(row().get(IDLE_TTL).asLong()).isEqualTo(120_000);
    assertThat(row().get(LAST_USE).asLong()).isEqualTo(ago(40).toEpochMilli());
    assertThat(row().get(USE).asText()).isEqualTo("activity");
    assertThat(row().get(OUTCOME).asText()).isEqualTo("claimed");
  }

  @Test
  void aSandboxKeepsWhatEventsReportedWhenItsTableEntryIsWrittenAgain() throws Exception {
    fleet.live(1, 100);
    fleet.ready(1, "n1", 100);
    fleet.live(1, 100);
    assertThat(row().get(OUTCOME).asText()).isEqualTo("claimed");
    assertThat(row().get(IDLE_TTL).asLong()).isEqualTo(120_000);

    Duration wanted = Duration.ofSeconds(60);
    fleet.live(new LiveSandbox(user(1), "id-1", "h1", "w1", ago(100), wanted, null));
    assertThat(row().get(OUTCOME).asText()).isEqualTo("claimed");
    assertThat(row().get(IDLE_TTL).asLong()).isEqualTo(60_000);
  }

  @Test
  void itDoesNotMatterWhichTopicIsReadFirst() throws Exception {
    fleet.live(1, 100);
    fleet.ready(1, "n1", 100);
    fleet.activity(1, 40);
    JsonNode inOrder = row();

    TestFleet other = new TestFleet();
    other.activity(1, 40);
    other.ready(1, "n1", 100);
    other.live(1, 100);
    assertThat(other.sandboxes(0).get("rows").get(0)).isEqualTo(inOrder);
  }

  @Test
  void aSandboxThatLeavesTheTableIsGone() throws Exception {
    fleet.live(1, 100);
    fleet.live(2, 100);
    long seen = fleet.fleet.sandboxes(0, 0).version();
    fleet.gone(1);
    JsonNode news = fleet.sandboxes(seen);
    assertThat(news.get("reset").asBoolean()).isFalse();
    assertThat(news.get("gone")).hasSize(1);
    assertThat(news.get("gone").get(0).asText()).isEqualTo("id-1");
    assertThat(news.get("rows")).isEmpty();
    assertThat(row().get(0).asText()).isEqualTo("id-2");
  }

  @Test
  void aPageIsSentOnlyWhatIsNewToIt() throws Exception {
    fleet.live(1, 100);
    fleet.live(2, 100);
    Part first = fleet.fleet.sandboxes(0, 0);
    assertThat(fleet.sandboxes(first.version()).get("rows")).isEmpty();
    fleet.activity(2, 5);
    JsonNode news = fleet.sandboxes(first.version());
    assertThat(news.get("rows")).hasSize(1);
    assertThat(news.get("rows").get(0).get(0).asText()).isEqualTo("id-2");
  }

  @Test
  void manySandboxesAreSentInParts() throws Exception {
    int count = 2 * Sandboxes.MOST_OF_A_BATCH + 7;
    for (int i = 0; i < count; i++) {
      fleet.live(i, 100);
    }
    long seen = 0;
    long seenGone = 0;
    int rows = 0;
    int parts = 0;
    Part part;
    do {
      part = fleet.fleet.sandboxes(seen, seenGone);
      JsonNode json = new JsonMapper().readTree(part.json());
      assertThat(json.get("reset").asBoolean()).isEqualTo(seen == 0);
      assertThat(json.get("rows").size()).isLessThanOrEqualTo(Sandboxes.MOST_OF_A_BATCH);
      rows += json.get("rows").size();
      seen = part.version();
      seenGone = part.latest();
      parts++;
    } while (!part.isWhole());
    assertThat(rows).isEqualTo(count);
    assertThat(parts).isEqualTo(3);
  }

  @Test
  void aNewPageIsSentEachSandboxOnceAlsoWhereMoreAreGoneThanAreRemembered() throws Exception {
    int count = Sandboxes.MOST_OF_A_BATCH + 100;
    for (int i = 0; i < count; i++) {
      fleet.live(i, 100);
    }
    for (int i = 0; i <= Sandboxes.GONE_KEPT; i++) {
      fleet.live(count + i, 50);
      fleet.gone(count + i);
    }
    Set<String> rows = new HashSet<>();
    long seen = 0;
    long seenGone = 0;
    int parts = 0;
    Part part;
    do {
      part = fleet.fleet.sandboxes(seen, seenGone);
      seen = part.version();
      seenGone = part.latest();
      JsonNode json = new JsonMapper().readTree(part.json());
      assertThat(json.get("reset").asBoolean()).isEqualTo(parts == 0);
      json.get("rows").forEach(row -> rows.add(row.get(0).asText()));
      parts++;
    } while (!part.isWhole() && parts < 10);
    assertThat(parts).isEqualTo(2);
    assertThat(rows).hasSize(count);
  }

  @Test
  void aPageThatDoesNotKnowOfAllThatAreGoneIsSentEverythingAnew() throws Exception {
    fleet.live(1, 100);
    long seen = fleet.fleet.sandboxes(0, 0).version();
    for (int i = 0; i <= Sandboxes.GONE_KEPT; i++) {
      fleet.live(2 + i, 50);
      fleet.gone(2 + i);
    }
    assertThat(fleet.sandboxes(seen).get("reset").asBoolean()).isTrue();
  }

  @Test
  void aPageThatKnewAnEarlierReadingIsSentEverything() throws Exception {
    fleet.live(1, 100);
    long seen = fleet.fleet.sandboxes(0, 0).version();
    fleet.begin();
    fleet.live(2, 100);
    JsonNode news = fleet.sandboxes(seen);
    assertThat(news.get("reset").asBoolean()).isTrue();
    assertThat(news.get("rows")).hasSize(1);
  }

  @Test
  void anEntryThatNoWorkerWroteIsIgnored() throws Exception {
    byte[] value =
        new io.zcbot.sandbox.events.EventCodec()
            .encodeLive(new LiveSandbox(user(2), "id-2", "h1", "w1", ago(1)));
    byte[] othersKey = (user(1) + "/id-2").getBytes(StandardCharsets.UTF_8);
    fleet.record(Topic.LIVE, othersKey, value, NOW, new RecordHeaders());
    fleet.record(Topic.LIVE, "x".getBytes(StandardCharsets.UTF_8), value, NOW, new RecordHeaders());
    byte[] key = (user(2) + "/id-2").getBytes(StandardCharsets.UTF_8);
    fleet.record(Topic.LIVE, key, new byte[10_000], NOW, new RecordHeaders());
    assertThat(fleet.sandboxes(0).get("rows")).isEmpty();
  }

  @Test
  void commandsRunFromTheirStartToTheirAnswer() throws Exception {
    fleet.live(1, 100);
    fleet.exec(1, "e1", "sleep 9", 20);
    fleet.running(1, "e1", 19, false);
    fleet.running(1, "e1", 19, false); // read again
    assertThat(row().get(COMMANDS).asInt()).isEqualTo(1);
    assertThat(fleet.commands().get(0).get(3).asText()).isEqualTo("sleep 9");
    fleet.running(1, "e1", 19, true);
    assertThat(row().get(COMMANDS).asInt()).isZero();
    assertThat(row().get(USE).asText()).isEqualTo("command");
    assertThat(fleet.commands()).isEmpty();
  }

  @Test
  void aCommandHasItsTextAlsoIfItsExecIsReadLater() throws Exception {
    fleet.live(1, 100);
    fleet.running(1, "e1", 19, false);
    fleet.exec(1, "e1", "sleep 9", 20);
    assertThat(fleet.commands().get(0).get(3).asText()).isEqualTo("sleep 9");
  }

  @Test
  void usersMayNameTheirRequestsAlike() throws Exception {
    fleet.exec(1, "e", "ls", 20);
    fleet.exec(2, "e", "rm -rf", 19);
    fleet.running(2, "e", 18, false);
    assertThat(fleet.commands().get(0).get(3).asText()).isEqualTo("rm -rf");

    fleet.ensure(1, "n", 700);
    fleet.ensure(2, "n", 700);
    fleet.ready(1, "n", 690);
    assertThat(fleet.overview().get("openEnsures").asInt()).isZero();
    assertThat(fleet.failures()).hasSize(1);
    assertThat(fleet.failures().get(0).toString()).contains(user(2).toString(), "unanswered");
  }

  @Test
  void hostsHaveUsedPlacesAndThoseThatTheirWorkersTell() throws Exception {
    fleet.live(1, 100);
    fleet.live(2, 50);
    fleet.running(2, "e1", 5, false);
    JsonNode host = fleet.overview().get("hosts").get(0);
    assertThat(host).hasToString("[\"h1\",\"w1\",2,64,1," + ago(50).toEpochMilli() + "]");
  }

  /** The worker that took its users over names that host, and itself as the worker. */
  @Test
  void aHostThatIsGoneIsNotHeardOfWhenAnotherWorkerTellsWhatWasLostOnIt() throws Exception {
    fleet.live(1, 100);
    String before = fleet.overview().get("hosts").toString();
    ContainerRef lost = new ContainerRef("sandbox-1", "id-1", "h1", "w2");
    fleet.event(SampleEvents.reaped(user(1), ago(5), lost, Reaped.Reason.LOST), ago(5));
    fleet.event(exited("a", Exited.Reason.LOST, null), ago(4));
    assertThat(fleet.overview().get("hosts")).hasToString(before);
    fleet.event(exited("b", Exited.Reason.EXITED, 0), ago(3));
    assertThat(fleet.overview().get("hosts").toString())
        .contains("\"w1\"", String.valueOf(ago(3).toEpochMilli()));
  }

  @Test
  void aPageLearnsFromWhenOnUsesAreKnown() throws Exception {
    assertThat(fleet.overview().get("since").asLong()).isEqualTo(ago(3600).toEpochMilli());
  }

  @Test
  void anEnsureIsOpenUntilItsAnswerWhicheverIsReadFirst() throws Exception {
    fleet.ensure(1, "n1", 10);
    fleet.ready(2, "n2", 5);
    fleet.ensure(2, "n2", 6);
    JsonNode overview = fleet.overview();
    assertThat(overview.get("openEnsures").asInt()).isEqualTo(1);
    assertThat(overview.get("oldestEnsure").asLong()).isEqualTo(ago(10).toEpochMilli());
    assertThat(overview.get("latency").get("p50").asLong()).isBetween(990L, 1010L);
    fleet.ready(1, "n1", 8);
    assertThat(fleet.overview().get("openEnsures").asInt()).isZero();
    assertThat(fleet.overview().get("oldestEnsure").asLong()).isZero();
    assertThat(fleet.overview().get("latency").get("count").asInt()).isEqualTo(2);
  }

  @Test
  void aForwardedEnsureWithoutAnIdIsOneWithItsOriginal() throws Exception {
    byte[] key = user(1).toString().getBytes(StandardCharsets.UTF_8);
    byte[] value = ("{\"user_id\":\"" + user(1) + "\"}").getBytes(StandardCharsets.UTF_8);
    RecordHeaders headers = new RecordHeaders();
    headers.add(
        "zcbot_forwarded", ("9-7@" + ago(700).toEpochMilli()).getBytes(StandardCharsets.UTF_8));
    fleet.record(Topic.ENSURE, key, value, ago(700), headers);
    fleet.ready(1, "sandbox.ensure-9-7", 699);
    assertThat(fleet.overview().get("openEnsures").asInt()).isZero();
    assertThat(fleet.failures()).isEmpty();
  }

  @Test
  void anEnsureThatIsNotAnsweredBecomesAFailure() throws Exception {
    fleet.ensure(1, "n1", 700);
    assertThat(fleet.overview().get("openEnsures").asInt()).isZero();
    assertThat(fleet.failures().get(0).get(3).asText()).isEqualTo("unanswered");
    assertThat(fleet.failures().get(0).get(4).asText()).isEqualTo("no answer to n1");
  }

  @Test
  void noEnsureIsUnansweredWhoseAnswerWasReadBeforeItHoweverManyThereAre() throws Exception {
    int count = 3 * Requests.ANSWERS_KEPT;
    for (int i = 0; i < count; i++) {
      fleet.ready(i, "n" + i, 699);
    }
    for (int i = 0; i < count; i++) {
      fleet.ensure(i, "n" + i, 700);
    }
    fleet.ensure(1, "later", 10);
    assertThat(fleet.overview().get("openEnsures").asInt()).isEqualTo(1);
    assertThat(fleet.failures()).isEmpty();
  }

  @Test
  void aWorkerWhoseClockIsAheadHidesNoEnsures() throws Exception {
    for (int i = 0; i < 2 * Requests.ANSWERS_KEPT; i++) {
      fleet.ready(i, "n" + i, -3600);
    }
    fleet.pass(Duration.ofSeconds(20));
    fleet.ensure(1, "later", -10);
    assertThat(fleet.overview().get("openEnsures").asInt()).isEqualTo(1);
  }

  @Test
  void noEnsureIsUnansweredBeforeAllUntilThenIsRead() throws Exception {
    fleet.fleet.following(FollowState.STARTING);
    fleet.ensure(1, "n1", 700);
    assertThat(fleet.overview().get("openEnsures").asInt()).isEqualTo(1);
    fleet.ready(1, "n1", 699);
    fleet.fleet.following(new FollowState(NOW.toEpochMilli(), 0, ""));
    assertThat(fleet.overview().get("openEnsures").asInt()).isZero();
    assertThat(fleet.failures()).isEmpty();
  }

  @Test
  void failuresHaveReasonsTheNewestFirst() throws Exception {
    fleet.event(
        new Failed("f1", user(1), "n1", ago(9), Failed.Reason.CAPACITY, "the host is full", true),
        ago(9));
    fleet.event(
        new Reaped("r1", user(2), ago(5), container(2), Reaped.Reason.DIED, null, 137, true),
        ago(5));
    fleet.event(
        new Reaped("r2", user(2), ago(4), container(2), Reaped.Reason.IDLE, null, null, null),
        ago(4));
    assertThat(fleet.failures()).hasSize(2);
    assertThat(fleet.failures().get(0).get(4).asText())
        .isEqualTo("on h1, exit code 137, out of memory");
    assertThat(fleet.failures().get(1).get(3).asText()).isEqualTo("capacity");
    assertThat(fleet.overview().get("failures").asInt()).isEqualTo(2);
  }

  @Test
  void aFailureNamesItsReasonOnceAndHasItsWholeMessage() throws Exception {
    String message = "exec: no such program: " + "x".repeat(900);
    fleet.event(
        SampleEvents.exited(
            SampleEvents.exec("e1", user(1), ago(9), null, "nosuch"),
            Exited.Reason.FAILED,
            null,
            null,
            0,
            null,
            message,
            false),
        ago(9));
    assertThat(fleet.failures().get(0).get(3).asText()).isEqualTo("failed");
    assertThat(fleet.failures().get(0).get(4).asText()).isEqualTo(message);
    assertThat(fleet.user(user(1)).get(0).get(3).asText())
        .startsWith("failed: exec: no such program");
  }

  @Test
  void equalFailuresOfAUserAreOneWithTheirCount() throws Exception {
    for (int i = 0; i < 30; i++) {
      rejected(1, "e" + i, 90 - i);
    }
    rejected(2, "other", 70);
    JsonNode failures = fleet.failures();
    assertThat(failures).hasSize(2);
    assertThat(failures.get(0).get(1).asText()).isEqualTo(user(1).toString());
    assertThat(failures.get(0).get(0).asLong()).isEqualTo(ago(61).toEpochMilli());
    assertThat(failures.get(0).get(FIRST).asLong()).isEqualTo(ago(90).toEpochMilli());
    assertThat(failures.get(0).get(COUNT).asInt()).isEqualTo(30);
    assertThat(failures.get(1).get(COUNT).asInt()).isEqualTo(1);
    assertThat(fleet.overview().get("failures").asInt()).as("in 5 minutes").isEqualTo(31);
  }

  @Test
  void whatWasReadOutOfOrderIsCountedAndTheLatestTimeStays() throws Exception {
    rejected(1, "late", 5);
    rejected(1, "early", 400);
    assertThat(fleet.failures()).hasSize(1);
    assertThat(fleet.failures().get(0).get(0).asLong()).isEqualTo(ago(5).toEpochMilli());
    assertThat(fleet.failures().get(0).get(FIRST).asLong()).isEqualTo(ago(400).toEpochMilli());
    assertThat(fleet.overview().get("failures").asInt()).as("in 5 minutes").isEqualTo(1);
  }

  private void rejected(int number, String id, int ago) {
    fleet.event(
        SampleEvents.exited(
            SampleEvents.exec(id, user(number), ago(ago), null, "ls"),
            Exited.Reason.REJECTED,
            null,
            null,
            0,
            null,
            "8 commands run and 64 wait; try again later",
            true),
        ago(ago));
  }

  @Test
  void deadLettersTellTheirOriginAndTheirError() throws Exception {
    var headers = new RecordHeaders();
    headers.add("zcbot_topic", "sandbox.exec".getBytes(StandardCharsets.UTF_8));
    headers.add("zcbot_partition", "3".getBytes(StandardCharsets.UTF_8));
    headers.add("zcbot_offset", "17".getBytes(StandardCharsets.UTF_8));
    headers.add("zcbot_error_field", "user_id".getBytes(StandardCharsets.UTF_8));
    headers.add("zcbot_error", "not a UUID".getBytes(StandardCharsets.UTF_8));
    fleet.record(Topic.DEAD_LETTER, new byte[] {1}, new byte[] {2}, ago(1), headers);
    JsonNode letter = fleet.letters().get(0);
    assertThat(letter.get(1).asText()).isEqualTo("sandbox.exec-3-17");
    assertThat(letter.get(3).asText()).isEqualTo("user_id");
    assertThat(letter.get(4).asText()).isEqualTo("not a UUID");
  }

  @Test
  void aUsersTimelineIsInTheOrderOfTimeAndCountsWhatRepeats() throws Exception {
    fleet.ready(1, "n1", 99);
    fleet.ensure(1, "n1", 100);
    fleet.activity(1, 70);
    fleet.activity(1, 60);
    fleet.activity(1, 50);
    fleet.exec(1, "e1", "ls", 40);
    fleet.event(
        new Reaped("r", user(1), ago(1), container(1), Reaped.Reason.IDLE, null, null, null),
        ago(1));
    List<String> lines = new ArrayList<>();
    fleet
        .user(user(1))
        .forEach(e -> lines.add(e.get(2).asText() + ":" + e.get(3).asText() + e.get(4).asText()));
    assertThat(lines)
        .containsExactly(
            "ensure: by gateway1",
            "ready:claimed in 12 ms on h11",
            "activity:3",
            "exec:ls1",
            "reaped:idle on h11");
  }

  @Test
  void aCommandAndItsResultAreRelatedWhicheverIsReadFirst() throws Exception {
    fleet.exec(1, "e1", "make", 40);
    fleet.event(exited("e1", Exited.Reason.EXITED, 0), ago(39));
    fleet.event(exited("e2", Exited.Reason.EXITED, 0), ago(29));
    fleet.exec(1, "e2", "make", 30);
    JsonNode entries = fleet.user(user(1));
    assertThat(entries).hasSize(4);
    assertThat(entries.get(1).get(COMMAND)).isEqualTo(entries.get(0).get(COMMAND));
    assertThat(entries.get(3).get(COMMAND)).isEqualTo(entries.get(2).get(COMMAND));
    assertThat(entries.get(0).get(COMMAND)).isNotEqualTo(entries.get(2).get(COMMAND));
  }

  @Test
  void aNoticeTellsWhenASandboxWillBeReaped() throws Exception {
    fleet.live(1, 100);
    expiring(Expiring.Reason.IDLE, 2);
    assertThat(row().get(EXPIRING_AT).asLong()).isEqualTo(NOW.plusSeconds(30).toEpochMilli());
  }

  @Test
  void aSandboxThatIsUsedAfterTheNoticeOfAnIdleEndDoesNotExpire() throws Exception {
    fleet.live(1, 100);
    expiring(Expiring.Reason.IDLE, 20);
    fleet.activity(1, 30); // read late
    assertThat(row().get(EXPIRING_AT).asLong()).isPositive();
    fleet.activity(1, 10);
    assertThat(row().get(EXPIRING_AT).asLong()).isZero();
    expiring(Expiring.Reason.IDLE, 15); // read late
    assertThat(row().get(EXPIRING_AT).asLong()).isZero();
    expiring(Expiring.Reason.IDLE, 5);
    assertThat(row().get(EXPIRING_AT).asLong()).isPositive();
  }

  @Test
  void aSandboxAtTheEndOfItsLifetimeExpiresHoweverMuchItIsUsed() throws Exception {
    fleet.live(1, 100);
    expiring(Expiring.Reason.LIFETIME, 20);
    expiring(Expiring.Reason.IDLE, 15);
    fleet.activity(1, 10);
    assertThat(row().get(EXPIRING_AT).asLong()).isPositive();
    fleet.live(1, 100); // as when an ensure changes the idle TTL
    assertThat(row().get(EXPIRING_AT).asLong()).isPositive();
  }

  @Test
  void anEndThatAnEnsureMovedExpiresNoMore() throws Exception {
    fleet.live(1, 100);
    expiring(Expiring.Reason.ENDS_AT, 20);
    fleet.ready(1, "e1", 15, NOW.plusSeconds(30));
    fleet.activity(1, 14);
    assertThat(row().get(EXPIRING_AT).asLong()).isPositive();
    fleet.ready(1, "e2", 10, NOW.plusSeconds(300));
    assertThat(row().get(EXPIRING_AT).asLong()).isZero();
  }

  private void expiring(Expiring.Reason reason, int ago) {
    fleet.event(
        new Expiring("x" + ago, user(1), ago(ago), "id-1", NOW.plusSeconds(30), reason), ago(ago));
  }

  @Test
  void whatOthersSayIsCutAndHasNoInvisibleCharacters() throws Exception {
    fleet.event(
        new Failed(
            "f",
            user(1),
            "n",
            ago(1),
            Failed.Reason.INTERNAL,
            "<b>\u202e" + "x".repeat(4000),
            true),
        ago(1));
    String message = fleet.failures().get(0).get(4).asText();
    assertThat(message).hasSize(ShownText.WHOLE_MESSAGE).startsWith("<b>?xx").endsWith("…");
    fleet.live(new LiveSandbox(user(1), "id-1", "h".repeat(1000), "<i>w1", ago(1)));
    assertThat(row().get(2).asText()).hasSize(ShownText.NAME);
    assertThat(row().get(3).asText()).isEqualTo("<i>w1");
  }

  @Test
  void noMoreSandboxesAreKeptThanTheBound() throws Exception {
    for (int i = 0; i < Sandboxes.MOST + 5; i++) {
      fleet.live(i, 100);
    }
    assertThat(fleet.overview().get("sandboxes").asInt()).isEqualTo(Sandboxes.MOST);
    assertThat(fleet.overview().get("omitted").asInt()).isEqualTo(5);
  }

  @Test
  void timelinesAreBoundedInBytesAndEntries() throws Exception {
    Timelines timelines = new Timelines(100_000);
    for (int i = 0; i < 1_000; i++) {
      timelines.add(user(i), i, "exec", "x".repeat(200), 0);
    }
    assertThat(timelines.users()).isBetween(200, 300);
    for (int i = 0; i < 1_000; i++) {
      failed(1, i);
    }
    assertThat(fleet.user(user(1))).hasSize(Timeline.MOST);
  }

  @Test
  void noMoreFailuresAreShownThanTheBound() throws Exception {
    for (int i = 0; i < 1_000; i++) {
      failed(i, i);
    }
    assertThat(fleet.failures()).hasSize(Notices.SHOWN);
    assertThat(fleet.failures().get(0).get(4).asText()).isEqualTo("m999");
  }

  @Test
  void theFailuresOfOneUserDoNotHideThoseOfOthers() throws Exception {
    failed(2, 0);
    for (int i = 1; i < 1_000; i++) {
      failed(1, i);
    }
    JsonNode failures = fleet.failures();
    assertThat(failures).hasSize(Notices.MOST_ABOUT_ONE + 1);
    assertThat(failures.get(0).get(4).asText()).as("the newest").isEqualTo("m999");
    assertThat(failures.get(Notices.MOST_ABOUT_ONE).get(1).asText()).isEqualTo(user(2).toString());
  }

  private void failed(int number, int failure) {
    fleet.event(
        new Failed(
            "f" + failure, user(number), "n", ago(1), Failed.Reason.INTERNAL, "m" + failure, true),
        ago(1));
  }

  @Test
  void aCommandThatIsLostIsAFailureAndOneThatFailsIsNot() throws Exception {
    fleet.event(exited("a", Exited.Reason.EXITED, 3), ago(3));
    fleet.event(exited("b", Exited.Reason.LOST, null), ago(2));
    assertThat(fleet.failures()).hasSize(1);
    assertThat(fleet.failures().get(0).get(3).asText()).isEqualTo("lost");
    assertThat(fleet.user(user(1)).get(0).get(3).asText()).isEqualTo("exited 3 after 5 ms");
  }

  private static Exited exited(String id, Exited.Reason reason, Integer exitCode) {
    return SampleEvents.exited(
        "x" + id, user(1), id, ago(1), reason, exitCode, 0, container(1), ago(2), 5);
  }
}
