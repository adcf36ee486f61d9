/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.deployment.CommandLedger.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandLedgerTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final UserId BERT = new UserId(new UUID(2, 2));
  private static final Instant START = Instant.parse("2026-11-26T12:00:00Z");

  private final CommandLedger ledger = new CommandLedger();

  private static Exited exited(String eventId, Exited.Reason reason, Instant startedAt) {
    return SampleEvents.exited(
        eventId,
        ANNA,
        "e",
        START.plusSeconds(1),
        reason,
        reason == Exited.Reason.EXITED ? 0 : null,
        0,
        startedAt == null
            ? new WorkerRef("host", "worker")
            : new ContainerRef("name", "container", "host", "worker"),
        startedAt,
        0);
  }

  private static Exited exited(Exited.Reason reason) {
    return exited(EventIds.exited(ANNA, "e"), reason, START);
  }

  private static Run run(UserId user) {
    return new Run(user.toString(), "e");
  }

  @Test
  void aCommandThatRanOnceAndIsAnsweredIsInOrder() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.EXITED));
    ledger.answered(exited(Exited.Reason.LOST));
    assertThat(ledger.unanswered()).isEmpty();
    assertThat(ledger.violations(List.of(run(ANNA)))).isEmpty();
  }

  @Test
  void aLostCommandMayHaveRunOrNot() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.LOST));
    assertThat(ledger.violations(List.of())).isEmpty();
    assertThat(ledger.violations(List.of(run(ANNA)))).isEmpty();
  }

  @Test
  void anUnansweredExecIsNamed() {
    ledger.asked("e", ANNA);
    assertThat(ledger.unanswered()).containsExactly("e");
  }

  @Test
  void aCommandThatRanTwiceIsAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.EXITED));
    assertThat(ledger.violations(List.of(run(ANNA), run(ANNA))))
        .singleElement()
        .asString()
        .startsWith("I12");
  }

  @Test
  void aCommandInTheWorkspaceOfAnotherUserIsAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.EXITED));
    assertThat(ledger.violations(List.of(run(BERT)))).singleElement().asString().startsWith("I13");
  }

  @Test
  void answersUnderTwoIdsAreAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.EXITED));
    ledger.answered(exited("other", Exited.Reason.LOST, START));
    assertThat(ledger.violations(List.of(run(ANNA)))).singleElement().asString().startsWith("I11");
  }

  @Test
  void aCommandThatRanThoughItIsSaidNotToHaveStartedIsAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(EventIds.exited(ANNA, "e"), Exited.Reason.EXPIRED, null));
    assertThat(ledger.violations(List.of())).isEmpty();
    assertThat(ledger.violations(List.of(run(ANNA)))).hasSize(1);
  }

  @Test
  void aCommandThatIsSaidToHaveExitedAndDidNotRunIsAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(Exited.Reason.EXITED));
    assertThat(ledger.violations(List.of())).hasSize(1);
  }

  @Test
  void aRejectedCommandIsAViolation() {
    ledger.asked("e", ANNA);
    ledger.answered(exited(EventIds.exited(ANNA, "e"), Exited.Reason.REJECTED, null));
    assertThat(ledger.violations(List.of())).hasSize(1);
  }

  @Test
  void runsAreReadFromTheWorkspaces(@TempDir Path root) throws Exception {
    Path workspace = Files.createDirectories(root.resolve(ANNA.toString()));
    Files.createDirectories(root.resolve(BERT.toString()));
    assertThat(CommandLedger.runs(root)).isEmpty();
    Files.writeString(workspace.resolve("execs"), "e\ne\n");
    assertThat(CommandLedger.runs(root)).containsExactly(run(ANNA), run(ANNA));
  }
}
