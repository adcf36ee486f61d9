/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited.Reason;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Sandboxes that die without the worker being told. */
class PlacementTest extends InACommandWorld {
  private void assertReaped(Ready dead) {
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.containerId()).isEqualTo(dead.containerId());
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
            });
  }

  @Test
  void aCommandRunsInANewSandboxWhereTheOldOneDiedUnnoticed() throws Exception {
    Ready dead = world.ready(ANNA);
    world.engine.die(dead.containerId(), 137);
    FakeCommandEngine.Command command = run(Asked.of("x"));
    assertThat(command.containerId).isNotEqualTo(dead.containerId());
    assertReaped(dead);
    assertThat(world.readies().getLast().ensureId()).isEqualTo("x");
    command.exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void itDoesAfterOtherCommandsRanInTheOldOne() throws Exception {
    Ready dead = world.ready(ANNA);
    run(Asked.of("x")).exit(0);
    answer("x");
    quiet();
    world.engine.die(dead.containerId(), 137);
    run(Asked.of("y")).exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
    assertReaped(dead);
  }

  @Test
  void aSandboxThatSomebodyRemovedIsReplacedAsWell() throws Exception {
    Ready dead = world.ready(ANNA);
    world.engine.removeByHand(dead.containerId());
    run(Asked.of("x")).exit(0);
    assertThat(answer("x").reason()).isEqualTo(Reason.EXITED);
    assertReaped(dead);
  }

  @Test
  void aCommandThatAsksForNoSandboxGetsNone() throws Exception {
    Ready dead = world.ready(ANNA);
    world.engine.die(dead.containerId(), 137);
    exec(Asked.of("x").whereThereIsOne());
    assertThat(answer("x").reason()).isEqualTo(Reason.NO_SANDBOX);
    world.settle();
    assertReaped(dead);
    assertThat(world.engine.creates()).isEqualTo(1);
  }

  @Test
  void aSandboxThatCannotBeReplacedFailsTheCommand() throws Exception {
    Ready dead = world.ready(ANNA);
    world.engine.die(dead.containerId(), 137);
    world.engine.faults.failNext(
        new EngineFaults.Fault("create", EngineException.Kind.IMAGE_MISSING, false));
    exec(Asked.of("x"));
    assertThat(answer("x").reason()).isEqualTo(Reason.FAILED);
    assertThat(answer("x").site()).isEqualTo(new WorkerRef("host", "me"));
    assertThat(world.commandTable.all()).isEmpty();
  }

  /** Else a runner that is silent for a moment would cost the user the sandbox. */
  @Test
  void aSandboxThatRunsIsKeptAlthoughItsChannelDoesNotOpen() throws Exception {
    Ready ready = world.ready(ANNA);
    world.commandEngine.failOpens.set(1);
    exec(Asked.of("x"));
    assertThat(answer("x").reason()).isEqualTo(Reason.FAILED);
    assertThat(answer("x").retryable()).isTrue();
    assertThat(run(Asked.of("y")).containerId).isEqualTo(ready.containerId());
    assertThat(world.reaped()).isEmpty();
  }

  /** An agent that stops its runner would hold up its partition for as long as it sends execs. */
  @Test
  void openingsThatTakeLongAndFailAreNotTriedForEachExec() throws Exception {
    world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    world.commandEngine.failOpens.set(1);
    for (String id : List.of("a", "b", "c")) {
      exec(Asked.of(id));
      assertThat(answer(id).reason()).isEqualTo(Reason.FAILED);
      assertThat(answer(id).message()).contains("nothing answers");
      assertThat(answer(id).retryable()).isTrue();
    }
    assertThat(world.commandEngine.opens).hasValue(1);
    world.advance(Duration.ofSeconds(6));
    run(Asked.of("d")).exit(0);
    assertThat(answer("d").reason()).isEqualTo(Reason.EXITED);
  }

  /** The runner may as well answer late, and end once it is asked to run a command. */
  @Test
  void openingsThatTakeLongAndSucceedAreNotRepeatedForEachExec() throws Exception {
    Ready ready = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    run(Asked.of("a"));
    world.commandEngine.channel(ready.containerId()).close();
    exec(Asked.of("b"));
    assertThat(answer("b").reason()).isEqualTo(Reason.FAILED);
    assertThat(world.commandEngine.opens).hasValue(1);
    pass(Duration.ofSeconds(6));
    assertThat(answer("a").reason()).isEqualTo(Reason.LOST);
    run(Asked.of("c")).exit(0);
    assertThat(answer("c").reason()).isEqualTo(Reason.EXITED);
  }

  /** Only the lane must not wait for the rest: it works for other users as well. */
  @Test
  void commandsWhoseChannelBreaksSoonAreKilledAndThoseThatWaitForThemRun() throws Exception {
    Ready ready = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    List<FakeCommandEngine.Command> running = new ArrayList<>();
    for (int i = 0; i < CommandLimits.DEFAULT.perSandbox(); i++) {
      running.add(run(Asked.of("r" + i)));
    }
    exec(Asked.of("w1"));
    exec(Asked.of("w2"));
    world.commandEngine.channel(ready.containerId()).close();
    assertNothingIsAnsweredYet();
    pass(Duration.ofSeconds(6));
    for (FakeCommandEngine.Command each : running) {
      assertThat(answer(each.program()).reason()).isEqualTo(Reason.LOST);
      assertThat(each.over).as("nothing runs on unwatched").isTrue();
    }
    command("w1").exit(0);
    command("w2").exit(0);
    assertThat(answer("w1").reason()).isEqualTo(Reason.EXITED);
    assertThat(answer("w2").reason()).isEqualTo(Reason.EXITED);
    assertThat(world.commandEngine.opens).as("they share an opening").hasValue(2);
  }

  @Test
  void aCommandWhoseChannelBreaksBeforeItsStartWaitsForTheNext() throws Exception {
    Ready ready = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    world.commandTable.log.drainPermits();
    exec(Asked.of("a"));
    world.commandEngine.channel(ready.containerId()).close();
    world.commandTable.log.release(Integer.MAX_VALUE);
    assertNothingIsAnsweredYet();
    pass(Duration.ofSeconds(6));
    command("a").exit(0);
    assertThat(answer("a").reason()).isEqualTo(Reason.EXITED);
  }

  /** It has passed its fence by then, and must not wait behind it. */
  @Test
  void aCommandWhoseChannelBreaksAtItsStartIsRefused() throws Exception {
    world.ready(ANNA);
    openingsTake(Duration.ofSeconds(10));
    world.commandEngine.failStarts.set(1);
    long begun = System.nanoTime();
    exec(Asked.of("a"));
    assertThat(answer("a").reason()).isEqualTo(Reason.FAILED);
    assertThat(answer("a").retryable()).isTrue();
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(10));
  }

  @Test
  void aCommandWhoseSandboxEndsWhileItsChannelMayNotBeOpenedEndsWithIt() throws Exception {
    Ready ready = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    run(Asked.of("a"));
    world.commandEngine.channel(ready.containerId()).close();
    assertNothingIsAnsweredYet();
    world.domain.commands().release(new Release("r", ANNA, Instant.EPOCH, null, null, null), fence);
    assertThat(answer("a").reason()).isEqualTo(Reason.SANDBOX_GONE);
  }

  @Test
  void aSandboxThatDiesUnnoticedAfterALongOpeningIsReplaced() throws Exception {
    Ready dead = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    world.commandEngine.failOpens.set(1);
    exec(Asked.of("a"));
    assertThat(answer("a").reason()).isEqualTo(Reason.FAILED);
    world.engine.die(dead.containerId(), 137);
    run(Asked.of("b")).exit(0);
    assertThat(answer("b").reason()).isEqualTo(Reason.EXITED);
    assertReaped(dead);
  }

  @Test
  void theNextSandboxIsNotBlamedForTheOpeningsOfTheLast() throws Exception {
    Ready ready = world.ready(ANNA);
    openingsTake(Duration.ofSeconds(6));
    world.commandEngine.failOpens.set(1);
    exec(Asked.of("a"));
    assertThat(answer("a").reason()).isEqualTo(Reason.FAILED);
    world.domain.commands().release(new Release("r", ANNA, Instant.EPOCH, null, null, null), fence);
    assertThat(run(Asked.of("b")).containerId).isNotEqualTo(ready.containerId());
  }

  private void assertNothingIsAnsweredYet() {
    await().during(Duration.ofMillis(600)).until(() -> answers().isEmpty());
  }

  private void openingsTake(Duration time) {
    world.commandEngine.meanwhile = () -> world.advance(time);
  }
}
