/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Users label their sandboxes and say when they end. What they ask for beside that, the idle TTL,
 * is in {@link IdleTtlTest}: use postpones that end, and the next ensure resets it.
 */
class TermsTest extends InAWorld {
  private static final Map<String, String> ACME = Map.of("tenant", "acme");
  private static final Map<String, String> TASK = Map.of("task", "report");
  private static final Duration SHORT = Duration.ofSeconds(10);
  private static final Duration LONG = Duration.ofMinutes(10);

  private Ready ready(@Nullable Map<String, String> labels, @Nullable Instant endsAt)
      throws Exception {
    SandboxEvent answer = world.ensure(ANNA, labels, endsAt);
    assertThat(answer).isInstanceOf(Ready.class);
    return (Ready) answer;
  }

  private Instant in(Duration time) {
    return world.time().now().plus(time);
  }

  private void pass(Duration time) {
    world.advance(time);
    world.domain.reaper().tickEnds();
    world.settle();
  }

  private void assertEndedByItsEnd() {
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.ENDS_AT);
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.current).isEmpty();
    assertThat(world.live).isEmpty();
  }

  @Test
  void aSandboxEndsAtItsEndEvenInUse() throws Exception {
    String id = ready(null, in(SHORT)).containerId();
    world.engine.exec(id, true);
    pass(SHORT.minusNanos(1));
    world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    assertThat(world.reaped()).isEmpty();
    pass(Duration.ofNanos(1));
    assertEndedByItsEnd();
  }

  /** By the wall clock, since a machine that sleeps does not postpone an end. */
  @Test
  void anEndComesWhileTheMachineSleeps() throws Exception {
    ready(null, in(SHORT));
    world.slept = SHORT;
    pass(Duration.ZERO);
    assertEndedByItsEnd();
  }

  @Test
  void theUsualLookOfTheReaperEndsItAsWell() throws Exception {
    ready(null, in(SHORT));
    world.advance(SHORT);
    world.tick();
    assertEndedByItsEnd();
  }

  @Test
  void anEnsureMovesTheEndLater() throws Exception {
    String id = ready(null, in(SHORT)).containerId();
    Instant later = in(LONG);
    Ready moved = ready(null, later);
    assertThat(moved.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(moved.endsAt()).isEqualTo(later);
    assertThat(world.live.get(id).endsAt()).isEqualTo(later);
    assertThat(world.current.get(ANNA).endsAt()).isEqualTo(later);
    assertThat(world.current.get(ANNA).readyId()).isEqualTo(moved.eventId());
    pass(LONG.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    pass(Duration.ofSeconds(1));
    assertEndedByItsEnd();
  }

  @Test
  void anEnsureMovesTheEndEarlier() throws Exception {
    ready(null, in(LONG));
    assertThat(ready(null, in(SHORT)).endsAt()).isEqualTo(in(SHORT));
    pass(SHORT);
    assertEndedByItsEnd();
  }

  @Test
  void anEnsureThatWaitsWithALaterEndBeforeTheReapKeepsTheSandbox() throws Exception {
    ready(null, in(SHORT));
    world.advance(SHORT);
    world.submit(
        ANNA,
        () -> {
          try {
            ready(null, in(LONG));
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    pass(Duration.ZERO);
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  @Test
  void anEnsureReplacesAllLabels() throws Exception {
    String id = ready(ACME, null).containerId();
    assertThat(world.live.get(id).labels()).isEqualTo(ACME);
    assertThat(world.current.get(ANNA).labels()).isEqualTo(ACME);
    assertThat(ready(TASK, null).labels()).isEqualTo(TASK);
    assertThat(world.live.get(id).labels()).isEqualTo(TASK);
    assertThat(world.current.get(ANNA).labels()).isEqualTo(TASK);
    assertThat(ready(Map.of(), null).labels()).isEmpty();
    assertThat(world.live.get(id).labels()).isEmpty();
    assertThat(world.current.get(ANNA).labels()).isEmpty();
  }

  @Test
  void whatAnEnsureLeavesOutStaysAndIsNotWrittenAgain() throws Exception {
    Instant end = in(LONG);
    ready(ACME, end);
    int entries = world.entries;
    world.live.clear();
    Ready again = ready(null, null);
    assertThat(again.labels()).isEqualTo(ACME);
    assertThat(again.endsAt()).isEqualTo(end);
    assertThat(ready(ACME, end).outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(world.live).isEmpty();
    assertThat(world.entries).isEqualTo(entries);
  }

  /** Or it would be reaped for an end that no ready has. */
  @Test
  void anEnsureWhoseReadyIsFencedChangesNothing() throws Exception {
    Instant end = in(LONG);
    ready(ACME, end);
    EnsureRequest open = world.request(ANNA, TASK, in(SHORT));
    AtomicInteger passes = new AtomicInteger();
    EnsureRequest fenced =
        new EnsureRequest(
            open.ensure(),
            open.partition(),
            open.arrived(),
            open.deadline(),
            () -> {
              if (passes.getAndIncrement() == 2) { // after its work and its entry
                throw new FencedException("the partition is another worker's");
              }
            });
    assertThatThrownBy(() -> world.domain.ensurer().ensure(fenced))
        .isInstanceOf(FencedException.class);
    pass(SHORT);
    assertThat(world.reaped()).isEmpty();
    assertThat(ready(null, null).labels()).isEqualTo(ACME);
  }

  /** As when the coordinator is away for longer than the lease lasts. */
  @Test
  void whatIsReapedWithoutBeingSureOfTheUserLeavesTheTablesWithTheNextComparison()
      throws Exception {
    ready(ACME, in(SHORT));
    world.isAnothers = ANNA::equals;
    pass(SHORT);
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.current).as("left to the user's next worker").isNotEmpty();
    world.isAnothers = _ -> false;
    var settled =
        world
            .domain
            .takeover()
            .settle(
                world.comparison(world.sandboxLog()).again(Set.of(0)),
                new FakeOwnership(FakeOwnership.State.OWNED));
    world.settle();
    assertThat(settled).isCompleted();
    assertEndedByItsEnd();
  }

  @Test
  void aNewSandboxBeginsWithoutLabelsAndEnd() throws Exception {
    ready(ACME, in(SHORT));
    pass(SHORT);
    assertEndedByItsEnd();
    Ready next = ready(null, null);
    assertThat(next.labels()).isEmpty();
    assertThat(next.endsAt()).isNull();
    pass(LONG);
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void anEndLongBeforeItsEnsureIsRejectedAndChangesNothing() throws Exception {
    Instant end = in(LONG);
    ready(ACME, end);
    world.advance(Duration.ofMinutes(1));
    SandboxEvent answer = world.ensure(ANNA, TASK, in(Duration.ofSeconds(-5)).minusNanos(1));
    assertThat(answer)
        .isInstanceOfSatisfying(
            Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
              assertThat(failed.retryable()).isFalse();
              assertThat(failed.message())
                  .startsWith("ends_at is ")
                  .endsWith("choose a later time, or send a release to end the sandbox now");
            });
    assertThat(world.current.get(ANNA).labels()).isEqualTo(ACME);
    pass(Duration.ZERO);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void anEndAMomentBeforeItsEnsureEndsTheSandboxAtOnce() throws Exception {
    ready(null, null);
    ready(null, in(Duration.ofSeconds(-5)));
    pass(Duration.ZERO);
    assertEndedByItsEnd();
  }

  @Test
  void anEndInThousandsOfYearsIsOne() throws Exception {
    ready(null, Instant.parse("9999-12-31T23:59:59.999999999Z"));
    pass(LONG);
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void theMaximumLifetimeEndsASandboxBeforeALaterEnd() throws Exception {
    world = new World(root, 2, LONG);
    ready(null, in(LONG.multipliedBy(2)));
    world.advance(LONG);
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.LIFETIME);
  }

  @Test
  void anAdoptingStartTakesLabelsAndEndOver() throws Exception {
    ready(ACME, in(SHORT));
    adopt();
    assertThat(ready(null, null).labels()).isEqualTo(ACME);
    assertThat(world.current.get(ANNA).labels()).isEqualTo(ACME);
    pass(SHORT.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    pass(Duration.ofSeconds(1));
    assertEndedByItsEnd();
  }

  @Test
  void anAdoptingStartReadsThemFromTheReadyIfTheEntryIsMissing() throws Exception {
    ready(ACME, in(SHORT));
    world.live.clear();
    adopt();
    assertThat(ready(null, null).labels()).isEqualTo(ACME);
    pass(SHORT);
    assertEndedByItsEnd();
  }

  @Test
  void whatAnAgentWasToldHoldsWhateverTheEntrySays() throws Exception {
    Instant end = in(LONG);
    String id = ready(ACME, end).containerId();
    LiveSandbox entry = world.live.get(id);
    world.live.put(
        id,
        new LiveSandbox(
            ANNA,
            id,
            entry.host(),
            entry.workerId(),
            entry.openedAt(),
            null,
            entry.startedAt(),
            TASK,
            Instant.EPOCH));
    adopt();
    pass(Duration.ZERO);
    Ready again = ready(null, null);
    assertThat(again.labels()).isEqualTo(ACME);
    assertThat(again.endsAt()).isEqualTo(end);
  }

  private void adopt() throws Exception {
    world.reboot();
    world.domain.previousRun().adopt(world.sandboxLog(), _ -> 0, world.now);
    assertThat(world.registry.size()).isOne();
  }
}
