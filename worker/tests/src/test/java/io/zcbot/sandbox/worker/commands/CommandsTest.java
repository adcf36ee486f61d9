/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Exited.Reason;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.OutputWay;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import io.zcbot.sandbox.worker.testkit.RecordedMetrics.Ensured;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** How execs are answered, and what runs meanwhile. */
class CommandsTest extends InACommandWorld {
  @Test
  void aCommandIsAnsweredWithWhatItWroteAndHowItEnded() throws Exception {
    Ready ready = world.ready(ANNA);
    FakeCommandEngine.Command command = run(Asked.of("x"));
    assertThat(command.containerId).isEqualTo(ready.containerId());
    assertThat(command.request.timeout()).isEqualTo(Duration.ofSeconds(60));
    assertThat(done).containsExactly("x");
    assertThat(world.commandTable.unanswered()).containsExactly("x");
    command.write("out");
    command.write(OutputStreamName.STDERR, Data.of("err"));
    world.advance(Duration.ofMillis(30));
    command.end(new CommandEnd.Exited(3, Duration.ofMillis(7)));
    Exited exited = answer("x");
    assertThat(exited.eventId()).isEqualTo(EventIds.exited(ANNA, "x"));
    assertThat(exited.reason()).isEqualTo(Reason.EXITED);
    assertThat(exited.exitCode()).isEqualTo(3);
    assertThat(exited.stdout()).isEqualTo(Data.of("out"));
    assertThat(exited.stderr()).isEqualTo(Data.of("err"));
    assertThat(exited.truncated()).isFalse();
    assertThat(exited.container()).isEqualTo(ready.container());
    assertThat(exited.tookMs()).isEqualTo(30);
    assertThat(exited.cpu()).isEqualTo(Duration.ofMillis(7));
    quiet();
    assertThat(world.metrics.commandStarts).hasSize(1);
    assertThat(world.metrics.outputBytes(OutputWay.INLINE)).isEqualTo(6);
    assertThat(world.metrics.outputBytes(OutputWay.STREAMED)).isZero();
    assertThat(world.commandTable.all()).singleElement().matches(CommandEntry::answered);
    world.domain.commands().committed(0, 1);
    assertThat(world.commandTable.all()).isEmpty();
  }

  @Test
  void anEntryWhoseExecIsCommittedGoesWithTheAnswer() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    world.domain.commands().committed(0, 1);
    assertThat(world.commandTable.unanswered()).containsExactly("x");
    command.exit(0);
    answer("x");
    quiet();
    assertThat(world.commandTable.all()).isEmpty();
  }

  @Test
  void anExecHasItsSandboxMade() throws Exception {
    run(Asked.of("x")).exit(0);
    answer("x");
    Ready ready = world.readies().getFirst();
    assertThat(ready.ensureId()).isEqualTo("x");
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(world.readies()).hasSize(1);
  }

  @Test
  void anExecWhoseSandboxCannotBeMadeIsAnsweredOnce() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("create", EngineException.Kind.IMAGE_MISSING, false));
    exec(Asked.of("x"));
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.FAILED);
    assertThat(exited.message()).contains("fault of the test");
    assertThat(exited.retryable()).isFalse();
    assertThat(exited.site()).isEqualTo(new WorkerRef("host", "me"));
    assertThat(world.log).hasSize(1);
    assertThat(done).contains("x");
  }

  /** Otherwise nobody is alerted while agents send execs only. */
  @Test
  void anExecWhoseSandboxCannotBeMadeCountsAsAnEnsureThatFailed() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("create", EngineException.Kind.IMAGE_MISSING, false));
    ExecRequest request = request(Asked.of("x"));
    world.advance(Duration.ofSeconds(2));
    world.domain.commands().exec(request);
    answer("x");
    assertThat(world.metrics.ensured)
        .containsExactly(new Ensured("image_missing", Duration.ofSeconds(2)));
  }

  @Test
  void whereThereIsNoSandboxNoneIsMadeIfTheExecDoesNotAskForIt() throws Exception {
    exec(Asked.of("x").whereThereIsOne());
    assertThat(answer("x").reason()).isEqualTo(Reason.NO_SANDBOX);
    assertThat(world.engine.creates()).isZero();
  }

  /** Nobody would read it again before a restart. */
  @Test
  void anExecThatFailsUnexpectedlyIsAnswered() throws Exception {
    world.ready(ANNA);
    world.commandEngine.bug.set(new IllegalStateException("a bug of the test's"));
    exec(Asked.of("x"));
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.FAILED);
    assertThat(exited.message()).contains("a bug of the test's");
    assertThat(done).contains("x");
    run(Asked.of("y"));
  }

  @Test
  void aCommandThatIsTooMuchIsRejectedWithTheSettingThatAllowsIt() throws Exception {
    exec(Asked.of("x").within(Duration.ofHours(2)));
    assertThat(answer("x").reason()).isEqualTo(Reason.REJECTED);
    assertThat(answer("x").message()).contains("ZCBOT_COMMAND_MAX_TIMEOUT");
    exec(Asked.of("y").keeping(1024 * 1024));
    assertThat(answer("y").reason()).isEqualTo(Reason.REJECTED);
    assertThat(answer("y").message()).contains("stream");
    assertThat(world.engine.creates()).isZero();
  }

  @Test
  void anOldExecExpires() throws Exception {
    exec(Asked.of("x").expiringIn(Duration.ZERO));
    assertThat(answer("x").reason()).isEqualTo(Reason.EXPIRED);
    assertThat(world.engine.creates()).isZero();
  }

  @Test
  void commandsStartInOrderAndSoManyRunAtOnce() throws Exception {
    List<String> ids = IntStream.range(0, 20).mapToObj(i -> "x" + i).toList();
    for (String id : ids) {
      exec(Asked.of(id));
    }
    command("x7");
    assertThat(programs()).hasSize(8);
    for (int i = 0; i < 20; i++) {
      command("x" + i).exit(0);
    }
    quiet();
    assertThat(programs()).isEqualTo(ids);
    assertThat(world.commandEngine.opens).hasValue(1);
  }

  @Test
  void whatIsBeyondTheQueueIsRejectedForNow() throws Exception {
    for (int i = 0; i < 72; i++) {
      exec(Asked.of("x" + i));
    }
    exec(Asked.of("more"));
    assertThat(answer("more").reason()).isEqualTo(Reason.REJECTED);
    assertThat(answer("more").retryable()).isTrue();
    exec(Asked.of("others").by(BEN));
    command("others");
  }

  @Test
  void aCommandThatWaitsTooLongExpires() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("x" + i));
    }
    exec(Asked.of("late").expiringIn(Duration.ofSeconds(5)));
    pass(Duration.ofSeconds(5));
    assertThat(answer("late").reason()).isEqualTo(Reason.EXPIRED);
    assertThat(programs()).hasSize(8);
  }

  /** The monotonic clock stands still while the machine sleeps. */
  @Test
  void aCommandThatWaitedWhileTheMachineSleptExpires() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("x" + i));
    }
    exec(Asked.of("late").expiringIn(Duration.ofMinutes(5)));
    world.slept = Duration.ofHours(1);
    command("x0").exit(0);
    assertThat(answer("late").reason()).isEqualTo(Reason.EXPIRED);
    assertThat(programs()).hasSize(8);
  }

  @Test
  void anExecThatWasReadBeforeTheMachineSleptExpires() throws Exception {
    ExecRequest before = request(Asked.of("x").expiringIn(Duration.ofMinutes(5)));
    world.slept = Duration.ofHours(1);
    world.domain.commands().exec(before);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXPIRED);
    assertThat(world.engine.creates()).isZero();
  }

  @Test
  void noCommandOvertakesOneThatWaitsForTheLog() throws Exception {
    world.ready(ANNA);
    world.commandTable.log.drainPermits();
    exec(Asked.of("first"));
    exec(Asked.of("second"));
    assertThat(programs()).isEmpty();
    world.commandTable.log.release(2);
    command("second");
    assertThat(programs()).containsExactly("first", "second");
  }

  /** I12. */
  @Test
  void anExecThatIsReadAgainIsNotRunAgain() throws Exception {
    ExecRequest request = request(Asked.of("x"));
    world.domain.commands().exec(request);
    FakeCommandEngine.Command command = command("x");
    done.clear();
    world.domain.commands().exec(request);
    assertThat(done).containsExactly("x");
    command.exit(0);
    answer("x");
    quiet();
    world.domain.commands().exec(request);
    assertThat(programs()).hasSize(1);
    assertThat(answers()).hasSize(1);
  }

  @Test
  void aCommandOfADeadWorkerIsLostAndNotRunAgain() throws Exception {
    CommandEntry entry =
        new CommandEntry(
            ANNA,
            "x",
            0,
            0,
            new ContainerRef("name", "gone", "elsewhere", "other"),
            Instant.EPOCH,
            false);
    world.domain.commands().takeOver(0, List.of(entry), Long.MAX_VALUE, fence).join();
    Exited lost = answer("x");
    assertThat(lost.reason()).isEqualTo(Reason.LOST);
    assertThat(lost.container()).isEqualTo(entry.container());
    assertThat(lost.retryable()).isFalse();
    exec(Asked.of("x"));
    assertThat(done).contains("x");
    assertThat(world.commandEngine.commands).isEmpty();
    assertThat(answers()).hasSize(1);
  }

  @Test
  void allAnswersToAnExecGoWhereItWantsThemEvenIfItsWorkerDied() throws Exception {
    context = new RequestContext("replies", null);
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    command.write("some");
    command.exit(0);
    answer("x");
    assertThat(world.log).hasSize(3);
    assertThat(world.log).allMatch(event -> context.equals(world.contexts.get(event.eventId())));

    run(Asked.of("y"));
    assertThat(world.commandTable.all()).extracting(CommandEntry::replyTo).contains("replies");
    CommandEntry left =
        new CommandEntry(
            ANNA,
            "z",
            0,
            0,
            new ContainerRef("name", "gone", "elsewhere", "other"),
            Instant.EPOCH,
            false,
            "replies");
    world.domain.commands().takeOver(0, List.of(left), Long.MAX_VALUE, fence).join();
    assertThat(world.contexts.get(answer("z").eventId())).isEqualTo(context);
  }

  @Test
  void anExecWhoseHeadersAreWrongIsRejected() throws Exception {
    context = new RequestContext(null, "the header is wrong");
    exec(Asked.of("x"));
    Exited rejected = answer("x");
    assertThat(rejected.reason()).isEqualTo(Reason.REJECTED);
    assertThat(rejected.message()).isEqualTo("the header is wrong");
    assertThat(rejected.retryable()).isFalse();
    assertThat(done).contains("x");
  }

  @Test
  void aCommandThatRunsGoesOnWhenItsPartitionComesBack() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    fenced = true;
    world.domain.commands().gone(0);
    world
        .domain
        .commands()
        .takeOver(0, world.commandTable.all(), Long.MAX_VALUE, Fence.OPEN)
        .join();
    assertThat(answers()).isEmpty();
    command.exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aCommandThatAnotherWorkerAnsweredIsGivenUp() throws Exception {
    run(Asked.of("x"));
    world.commandTable.answered(world.commandTable.all().iterator().next());
    world
        .domain
        .commands()
        .takeOver(0, world.commandTable.all(), Long.MAX_VALUE, Fence.OPEN)
        .join();
    quiet();
    assertThat(answers()).isEmpty();
  }

  /** What the table was told last is on its way while the partition goes and comes back. */
  @Test
  void aCommandThatWasAnsweredHereIsNotLostThoughTheTableDoesNotTellYet() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    CommandEntry entry = world.commandTable.all().iterator().next();
    command.exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    quiet();
    world.domain.commands().gone(0);
    world.domain.commands().takeOver(0, List.of(entry), Long.MAX_VALUE, fence).join();
    assertThat(answers()).hasSize(1);
    assertThat(world.commandTable.unanswered()).isEmpty();
    world.domain.commands().committed(0, 1);
    assertThat(world.commandTable.all()).isEmpty();
  }

  @Test
  void aCommandThatAnotherWorkerStartedIsLostThoughOneOfItsIdWasAnsweredHere() throws Exception {
    run(Asked.of("x")).exit(0);
    answer("x");
    quiet();
    world.domain.commands().gone(0);
    world
        .domain
        .commands()
        .takeOver(0, List.of(forged("x", 5, false)), Long.MAX_VALUE, fence)
        .join();
    assertThat(answers()).extracting(Exited::reason).containsExactly(Reason.EXITED, Reason.LOST);
  }

  private static CommandEntry forged(String id, long offset, boolean answered) {
    return new CommandEntry(
        ANNA,
        id,
        0,
        offset,
        new ContainerRef("any", "thing", "somewhere", "somebody"),
        Instant.EPOCH,
        answered);
  }

  /** Somebody wrote into the command table that execs are answered which nobody has read. */
  @Test
  void whatIsFalselySaidToBeAnsweredIsAnsweredOrRuns() throws Exception {
    List<CommandEntry> table = List.of(forged("old", 7, true), forged("later", 70, true));
    world.domain.commands().takeOver(0, table, 60, fence).join();
    exec(Asked.of("old"));
    assertThat(answer("old").reason()).isEqualTo(Reason.LOST);
    assertThat(done).contains("old");
    run(Asked.of("later")).exit(0);
    assertThat(answer("later").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aCommandThatRunsIsNotGivenUpForAnEntryThatIsNotItsOwn() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    List<CommandEntry> table = List.of(forged("x", 0, true));
    world.domain.commands().takeOver(0, table, Long.MAX_VALUE, fence).join();
    command.exit(3);
    assertThat(answer("x").exitCode()).isEqualTo(3);
  }

  /** At worst, what the forged entries name is answered lost. */
  @Test
  void aFloodOfForgedEntriesIsAnsweredAndReachesTheSandboxOnce() throws Exception {
    Ready ready = world.ready(ANNA);
    List<CommandEntry> table = new ArrayList<>();
    for (int i = 0; i < 9_000; i++) {
      table.add(new CommandEntry(ANNA, "f" + i, 0, i, ready.container(), Instant.EPOCH, false));
    }
    world.domain.commands().takeOver(0, table, 5, fence).join();
    assertThat(answers()).hasSize(9_000).allMatch(each -> each.reason() == Reason.LOST);
    assertThat(world.engine.running(ANNA)).hasSize(1);
    until(() -> world.commandEngine.opens.get() == 1);
    run(Asked.of("x")).exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    assertThat(world.commandEngine.opens).hasValue(1);
  }

  @Test
  void whoLostThePartitionAnswersNothingAndListensNoMore() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    fenced = true;
    command.exit(0);
    quiet();
    assertThat(answers()).isEmpty();
    assertThat(world.commandTable.unanswered()).containsExactly("x");
    assertThat(world.commandEngine.channel(command.containerId).isOpen()).isFalse();
  }

  /** Its entry may reach the table after the next assignment has read it. */
  @Test
  void aCommandThatWasGivenUpIsLostWhenItIsReadAgain() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    mayBegin = false;
    fenced = true;
    command.exit(0);
    quiet();
    fenced = false;
    mayBegin = true;
    world.domain.commands().takeOver(0, List.of(), Long.MAX_VALUE, fence).join();
    exec(Asked.of("x"));
    assertThat(answer("x").reason()).isEqualTo(Reason.LOST);
    assertThat(programs()).hasSize(1);
  }

  @Test
  void aCommandThatRunsGoesOnWhenItsExecIsReadAgain() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    fenced = true;
    mayBegin = false;
    world.domain.commands().exec(Asked.of("x").again(request(Asked.of("x")), Fence.OPEN));
    command.exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    assertThat(programs()).hasSize(1);
  }

  @Test
  void whatWaitsWhenThePartitionGoesIsLeftToTheNextOwner() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("x" + i));
    }
    exec(Asked.of("waits"));
    mayBegin = false;
    world.domain.commands().gone(0);
    until(() -> world.domain.commands().active() == 8);
    assertThat(done).doesNotContain("waits");
    assertThat(world.commandTable.all()).hasSize(8);
  }

  @Test
  void aSandboxThatEndsAnswersItsCommandsFirst() throws Exception {
    Ready ready = world.ready(ANNA);
    for (int i = 0; i < 9; i++) {
      exec(Asked.of("x" + i));
    }
    command("x7").write("so far");
    release(null, null);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.REQUESTED);
              assertThat(reaped.containerId()).isEqualTo(ready.containerId());
            });
    assertThat(world.log.getLast()).isInstanceOf(Reaped.class);
    assertThat(answers()).hasSize(9).allMatch(each -> each.reason() == Reason.SANDBOX_GONE);
    assertThat(answer("x7").stdout()).isEqualTo(Data.of("so far"));
    assertThat(answer("x7").retryable()).isFalse();
    assertThat(answer("x8").retryable()).as("it never started").isTrue();
    assertThat(answer("x8").site()).isEqualTo(new WorkerRef("host", "me"));
  }

  /** Another worker took its user over, and announced its end. */
  @Test
  void aSandboxThatGoesSilentlyKeepsNoCommandEvenIfItsRemovalFails() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    fenced = true;
    world.engine.faults.failNext(
        new EngineFaults.Fault("remove", EngineException.Kind.TRANSIENT, false));
    world.domain.reaper().reapAll(null, _ -> true, List.of());
    world.settle();
    quiet();
    assertThat(answers()).isEmpty();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.commandEngine.channel(command.containerId).isOpen()).isFalse();
  }

  @Test
  void aReleaseOfAnotherSandboxDoesNothing() throws Exception {
    world.ready(ANNA);
    release(null, "another");
    assertThat(world.reaped()).isEmpty();
    fenced = true;
    assertThatThrownBy(() -> release(null, null)).isInstanceOf(FencedException.class);
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  private void release(@Nullable Instant expiresAt, @Nullable String containerId)
      throws FencedException, InterruptedException {
    release(expiresAt, containerId, fence);
  }

  private void release(@Nullable Instant expiresAt, @Nullable String containerId, Fence passed)
      throws FencedException, InterruptedException {
    world
        .domain
        .commands()
        .release(new Release("r", ANNA, Instant.EPOCH, null, expiresAt, containerId), passed);
  }

  /** It lay in the log while no worker ran, and its user has another sandbox by now. */
  @Test
  void aReleaseThatExpiredLeavesTheSandboxAndIsCounted() throws Exception {
    world.ready(ANNA);
    Instant expiry = world.time().now().plusSeconds(10);
    world.advance(Duration.ofSeconds(10));
    release(expiry, null);
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    assertThat(world.metrics.expiredReleases).hasValue(1);

    release(expiry.plusMillis(1), null);
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.metrics.expiredReleases).hasValue(1);
  }

  @Test
  void aReleaseThatExpiredTwoThousandYearsAgoIsOneThatExpired() throws Exception {
    release(Instant.parse("0001-01-01T00:00:00Z"), null);
    assertThat(world.metrics.expiredReleases).hasValue(1);
  }

  /**
   * An expiry that is soon: retries wait no longer than the time that is left, and this clock does
   * not advance.
   */
  private Instant shortly() {
    return world.time().now().plusMillis(5);
  }

  private void refuseKills(int times) {
    for (int i = 0; i < times; i++) {
      world.engine.faults.failNext(
          new EngineFaults.Fault("kill", EngineException.Kind.UNAVAILABLE, false));
    }
  }

  @Test
  void aReleaseIsTriedAgainForAsLongAsTheEngineIsAway() throws Exception {
    world.ready(ANNA);
    refuseKills(30);
    release(shortly(), null);
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.REQUESTED);
    assertThat(world.engine.running(ANNA)).isEmpty();
  }

  @Test
  void aReleaseThatExpiresWhileTheEngineIsAwayLeavesTheSandboxAndIsCounted() throws Exception {
    world.ready(ANNA);
    refuseKills(30);
    release(shortly(), null, () -> world.advance(Duration.ofMillis(3)));
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    assertThat(world.metrics.expiredReleases).hasValue(1);
  }

  @Test
  void aReleaseThatTheEngineRefusesForGoodIsNotTriedAgain() throws Exception {
    world.ready(ANNA);
    world.engine.faults.failNext(
        new EngineFaults.Fault("kill", EngineException.Kind.REJECTED, false));
    release(shortly(), null);
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  @Test
  void aReleaseIsNotTriedAgainOnceThePartitionIsAnothers() throws Exception {
    world.ready(ANNA);
    refuseKills(1);
    Fence closing =
        () -> {
          fence.pass();
          fenced = true;
        };
    assertThatThrownBy(() -> release(shortly(), null, closing)).isInstanceOf(FencedException.class);
    assertThat(world.reaped()).isEmpty();
  }

  /** Its record is read again after the next start. */
  @Test
  void aWorkerThatStopsLeavesTheReleaseToTheNextStart() throws Exception {
    world.ready(ANNA);
    world.engine.faults.interruptNext("kill");
    assertThatThrownBy(() -> release(shortly(), null)).isInstanceOf(StoppedException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aBrokenChannelLosesWhatRanAndTheNextCommandRuns() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    world.commandEngine.channel(command.containerId).close();
    assertThat(answer("x").reason()).isEqualTo(Reason.LOST);
    assertThat(command.over).as("nothing runs on unwatched").isTrue();
    run(Asked.of("y")).exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
    assertThat(world.commandEngine.opens).hasValue(2);
  }

  @Test
  void aSandboxFoundDeadIsNamedAsTheReason() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x"));
    world.engine.die(command.containerId, 137);
    assertThat(answer("x").reason()).isEqualTo(Reason.SANDBOX_GONE);
  }

  @Test
  void aChannelThatBreaksAtTheStartIsOpenedAgain() throws Exception {
    world.commandEngine.failStarts.set(1);
    run(Asked.of("x")).exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    world.commandEngine.failStarts.set(2);
    exec(Asked.of("y"));
    assertThat(answer("y").reason()).isEqualTo(Reason.FAILED);
    assertThat(answer("y").retryable()).isTrue();
    assertThat(programs()).containsExactly("x");
  }

  @Test
  void aChannelThatCannotBeOpenedFailsTheCommandAndHoldsUpNoOther() throws Exception {
    world.commandEngine.failOpens.set(1);
    exec(Asked.of("x"));
    assertThat(answer("x").reason()).isEqualTo(Reason.FAILED);
    until(() -> world.commandTable.unanswered().isEmpty());
    run(Asked.of("y")).exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aTimeOutThatTheSandboxReportsIsReportedWithWhatIsLeft() throws Exception {
    run(Asked.of("x").within(Duration.ofSeconds(5))).end(new CommandEnd.Killed(true, 2, null));
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.TIMEOUT);
    assertThat(exited.survivors()).isEqualTo(2);
    assertThat(exited.message()).contains("5 s").contains("2 of its processes");
  }

  @Test
  void aTimeOutThatNobodyReportsEndsTheCommandAllTheSame() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").within(Duration.ofSeconds(5)));
    pass(Duration.ofSeconds(14));
    assertThat(answers()).isEmpty();
    pass(Duration.ofSeconds(2));
    assertThat(answer("x").reason()).isEqualTo(Reason.TIMEOUT);
    assertThat(command.over).isTrue();
    world.settle();
    assertThat(world.reaped()).isEmpty();
  }

  /** The report of its end may wait to be read when the worker's timer runs again. */
  @Test
  void aCommandIsNotOverdueBecauseTheWorkerPaused() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").within(Duration.ofSeconds(5)));
    FakeCommandEngine.Command other = run(Asked.of("y"));
    pass(Duration.ofSeconds(3));
    world.advance(Duration.ofMinutes(1));
    pass(CommandProgram.PATIENCE);
    command.exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    assertThat(other.over).isFalse();
    other.exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aCommandIsOverdueSomeTimeAfterThePauseOfTheWorker() throws Exception {
    run(Asked.of("x").within(Duration.ofSeconds(5)));
    world.advance(Duration.ofMinutes(1));
    pass(CommandProgram.PATIENCE.plusSeconds(2));
    assertThat(answer("x").reason()).isEqualTo(Reason.TIMEOUT);
  }

  /** One of two that are overdue waits for the log before it looks after its channel. */
  @Test
  void aCommandThatIsOverdueEndsNothingOnAChannelThatWasOpenedAfterIt() throws Exception {
    world.heldUp = Output.class::isInstance;
    run(Asked.of("a").within(Duration.ofSeconds(10)));
    run(Asked.of("b").within(Duration.ofSeconds(5)).streamed()).write("waits");
    until(() -> world.isHolding());
    pass(Duration.ofSeconds(16));
    pass(Duration.ofSeconds(5));
    assertThat(answer("a").reason()).isEqualTo(Reason.TIMEOUT);
    FakeCommandEngine.Command next = run(Asked.of("c"));
    assertThat(world.commandEngine.opens).hasValue(2);
    world.release();
    assertThat(answer("b").reason()).isEqualTo(Reason.TIMEOUT);
    assertThat(next.over).isFalse();
    next.exit(0);
    assertThat(answer("c").reason()).isEqualTo(Reason.EXITED);
  }

  /** The same of one whose partition went while it waited for the log. */
  @Test
  void aCommandThatIsFencedEndsNothingOnAChannelThatWasOpenedAfterIt() throws Exception {
    world.heldUp = Output.class::isInstance;
    run(Asked.of("b").streamed()).write("waits");
    until(() -> world.isHolding());
    world.commandEngine.channel(command("b").containerId).close();
    FakeCommandEngine.Command next = run(Asked.of("c"));
    fenced = true;
    world.release();
    until(() -> world.domain.commands().active() == 1);
    assertThat(next.over).isFalse();
    fenced = false;
    next.exit(0);
    assertThat(answer("c").reason()).isEqualTo(Reason.EXITED);
  }

  /** The runner tells the end behind the output, and that waits for memory that others have. */
  @Test
  void aCommandWhoseOutputFindsNoRoomIsCutOffSomeTimeAfterItsTimeOut() throws Exception {
    world = new World(root, 10, null);
    for (int user = 2; user < 8; user++) {
      for (int i = 0; i < 8; i++) {
        String id = "full-" + user + "-" + i;
        run(Asked.of(id).by(World.user(user)).keeping(512 * 1024)).print("z".repeat(512 * 1024));
      }
    }
    Asked asked = Asked.of("x").keeping(512 * 1024).within(Duration.ofSeconds(5));
    FakeCommandEngine.Command command = run(asked);
    FakeCommandEngine.Command other = run(Asked.of("y"));
    command.print("z".repeat(100 * 1024));
    command.exit(0);
    assertThat(command.credit).as("others have it all").hasValue(0);
    pass(Duration.ofSeconds(9));
    assertThat(command.discards).isFalse();
    pass(Duration.ofSeconds(7));
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.EXITED);
    assertThat(exited.truncated()).isTrue();
    assertThat(exited.stdout().length()).isEqualTo(16 * 1024);
    assertThat(other.over).isFalse();
    other.exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aSandboxInWhichNothingAnswersAnyMoreIsEnded() throws Exception {
    run(Asked.of("x").within(Duration.ofSeconds(5)));
    world.commandEngine.failOpens.set(Integer.MAX_VALUE);
    pass(Duration.ofSeconds(16));
    assertThat(answer("x").reason()).isEqualTo(Reason.TIMEOUT);
    world.settle();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.DIED);
  }

  /** I5. */
  @Test
  void aCommandThatRunsIsUse() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").within(Duration.ofMinutes(59)));
    for (int i = 0; i < 3; i++) {
      world.advance(World.TTL);
      world.readAll();
      world.tick();
    }
    assertThat(world.reaped()).isEmpty();
    command.exit(0);
    answer("x");
    quiet();
    world.advance(World.TTL.minusSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.advance(Duration.ofSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).hasSize(1);
  }

  /** Otherwise an agent that tries again keeps a sandbox in which nothing can start any more. */
  @Test
  void aCommandThatNeverStartsIsNoUse() throws Exception {
    world.ready(ANNA);
    world.commandEngine.refusal = new CommandEnd.NotStarted("no process", false);
    for (int i = 0; i < 3; i++) {
      pass(World.TTL.dividedBy(3));
      exec(Asked.of("x" + i));
      assertThat(answer("x" + i).message()).isEqualTo("no process");
      quiet();
    }
    world.readAll();
    world.tick();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void thatMemoryWasUsedUpIsReportedWithItsLimit() throws Exception {
    CommandEnd.OutOfMemory memory = new CommandEnd.OutOfMemory(512L << 20);
    run(Asked.of("x")).end(new CommandEnd.Signalled(9, null, memory));
    Exited killed = answer("x");
    assertThat(killed.oomKilled()).isTrue();
    assertThat(killed.memoryLimit()).isEqualTo(512L << 20);
    assertThat(killed.message()).contains("memory of 512 MiB was used up");
    run(Asked.of("y").within(Duration.ofSeconds(5)))
        .end(new CommandEnd.Killed(true, 0, null, new CommandEnd.OutOfMemory(null)));
    Exited late = answer("y");
    assertThat(late.oomKilled()).isTrue();
    assertThat(late.memoryLimit()).isNull();
    assertThat(late.message()).contains("time-out of 5 s").contains("memory was used up");
  }

  @Test
  void aProgramThatDoesNotExistHasTheExitCodeOfShells() throws Exception {
    world.commandEngine.refusal = new CommandEnd.NotStarted("no such file", false, 127);
    exec(Asked.of("x"));
    assertThat(answer("x").reason()).isEqualTo(Reason.FAILED);
    assertThat(answer("x").exitCode()).isEqualTo(127);
    assertThat(answer("x").startedAt()).isNull();
  }

  @Test
  void aWorkerThatStopsLeavesWhatRunsToTheNextStart() throws Exception {
    run(Asked.of("x"));
    world.domain.commands().close();
    quiet();
    assertThat(answers()).isEmpty();
    assertThat(world.commandTable.unanswered()).containsExactly("x");
  }

  @Test
  void anAnswerTheLogRefusesIsGivenWithoutItsOutput() throws Exception {
    world.refuses = event -> event instanceof Exited exited && exited.stdout() != Data.EMPTY;
    FakeCommandEngine.Command command = run(Asked.of("x"));
    command.write("too much");
    command.exit(0);
    Exited exited = answer("x");
    assertThat(exited.exitCode()).isZero();
    assertThat(exited.truncated()).isTrue();
    assertThat(exited.message()).contains("refused");
  }

  @Test
  void inputReachesTheCommandAsItAsksForIt() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading("one "));
    assertThat(command.stdin).isEmpty();
    assertThat(input("x", new Input.Content.Bytes(Data.of("two")))).isEqualTo(Taken.TAKEN);
    command.wants(6);
    until(() -> command.stdin.length() == 6);
    assertThat(command.stdin.toString()).isEqualTo("one tw");
    assertThat(input("x", new Input.Content.End())).isEqualTo(Taken.TAKEN);
    assertThat(command.stdinEnded).isFalse();
    command.wants(10);
    assertThat(command.stdin.toString()).isEqualTo("one two");
    assertThat(command.stdinEnded).isTrue();
  }

  @Test
  void inputForNobodyIsNotTaken() throws Exception {
    assertThat(input("x", new Input.Content.End())).isEqualTo(Taken.UNKNOWN);
    FakeCommandEngine.Command others = run(Asked.of("x").by(BEN));
    assertThat(input("x", new Input.Content.End())).as("Anna's").isEqualTo(Taken.UNKNOWN);
    others.exit(0);
    run(Asked.of("mine")).exit(0);
    answer("mine");
    quiet();
    assertThat(input("mine", new Input.Content.End())).isEqualTo(Taken.TAKEN);
  }

  private static Input.Content bytes(String text) {
    return new Input.Content.Bytes(Data.of(text));
  }

  /** Its sandbox may have to be made. */
  @Test
  void aCommandTakesInputsWhileItsExecWaits() throws Exception {
    ExecRequest request = request(Asked.of("x").reading("one "));
    assertThat(world.domain.commands().expect(request)).isNotNull();
    assertThat(input("x", bytes("two "))).isEqualTo(Taken.TAKEN);
    assertThat(input("x", new Input.Content.Signal(CommandSignal.INT))).isEqualTo(Taken.TAKEN);
    assertThat(inputOf(ANNA, "x").isOpen()).isTrue();
    world.domain.commands().exec(request);
    world.domain.commands().expectNoMore(request);
    assertThat(input("x", bytes("three"))).isEqualTo(Taken.TAKEN);
    FakeCommandEngine.Command command = command("x");
    command.wants(100);
    until(() -> command.stdin.toString().equals("one two three"));
    assertThat(command.signals).containsExactly(CommandSignal.INT);
  }

  /** The user's next worker reads the exec, or it is answered without having been run. */
  @Test
  void whatIsNotQueuedTakesNoInputs() throws Exception {
    ExecRequest given = request(Asked.of("given back").reading(""));
    assertThat(world.domain.commands().expect(given)).isNotNull();
    assertThat(input("given back", bytes("y".repeat(300_000)))).isEqualTo(Taken.TAKEN);
    assertThat(input("given back", bytes("y"))).isEqualTo(Taken.FULL);
    CompletableFuture<Void> room = inputOf(ANNA, "given back").room();
    world.domain.commands().expectNoMore(given);
    assertThat(room).isCompleted();
    assertThat(input("given back", bytes("y"))).isEqualTo(Taken.UNKNOWN);
    ExecRequest refused = request(Asked.of("refused").reading("").keeping(1 << 30));
    assertThat(world.domain.commands().expect(refused)).isNotNull();
    world.domain.commands().exec(refused);
    world.domain.commands().expectNoMore(refused);
    assertThat(answer("refused").reason()).isEqualTo(Exited.Reason.REJECTED);
    assertThat(input("refused", bytes("y"))).as("nobody reads it").isEqualTo(Taken.TAKEN);
    assertThat(inputOf(ANNA, "refused").isOpen()).isFalse();
  }

  @Test
  void anExecThatIsReadAgainTakesAllInputsAgainOnlyInAnotherAssignment() throws Exception {
    ExecRequest first = request(Asked.of("x").reading(""));
    assertThat(world.domain.commands().expect(first)).isNotNull();
    assertThat(input("x", bytes("one "))).isEqualTo(Taken.TAKEN);
    assertThat(world.domain.commands().expect(Asked.of("x").again(first, fence))).isNull();
    mayBegin = false;
    ExecRequest second = Asked.of("x").again(first, fence);
    assertThat(world.domain.commands().expect(second)).isNotNull();
    assertThat(input("x", bytes("one "))).isEqualTo(Taken.TAKEN);
    world.domain.commands().exec(first);
    world.domain.commands().expectNoMore(first);
    assertThat(input("x", bytes("two "))).isEqualTo(Taken.TAKEN);
    world.domain.commands().exec(second);
    world.domain.commands().expectNoMore(second);
    assertThat(input("x", bytes("three"))).isEqualTo(Taken.TAKEN);
    FakeCommandEngine.Command command = command("x");
    command.wants(100);
    until(() -> command.stdin.toString().equals("one two three"));
    assertThat(world.domain.commands().expect(second)).as("it runs").isNull();
  }

  @Test
  void theAnswersOfSandboxesThatEndPrecedeTheirAnnouncement() throws Exception {
    run(Asked.of("x"));
    world.domain.reaper().reapAll(Reaped.Reason.MOVED, _ -> true, List.of());
    world.settle();
    List<Class<? extends SandboxEvent>> reported =
        List.copyOf(world.log).stream()
            .<Class<? extends SandboxEvent>>map(SandboxEvent::getClass)
            .toList();
    assertThat(reported).containsExactly(Ready.class, Exited.class, Reaped.class);
  }
}
