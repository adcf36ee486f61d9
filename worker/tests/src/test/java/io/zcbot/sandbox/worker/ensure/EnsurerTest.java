/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How ensures are answered. */
class EnsurerTest extends InAWorld {
  @Test
  void theFirstEnsureCreatesAndTheNextReuses() throws Exception {
    Ready first = world.ready(ANNA);
    assertThat(first.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(first.container().name()).isEqualTo("zcbot-sandbox-" + ANNA);
    assertThat(Files.isDirectory(Path.of(first.environment().workspace()))).isTrue();
    assertThat(first.environment().idleTtl()).isEqualTo(World.TTL);
    Ready second = world.ready(ANNA);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(second.containerId()).isEqualTo(first.containerId());
    assertThat(world.engine.creates()).isEqualTo(1);
  }

  @Test
  void aSandboxThatRunsIsNotReadyWhileTheFirewallIsNotInForce() throws Exception {
    world.ready(ANNA);
    world.engine.faults.failNext(
        new EngineFaults.Fault("prepare", EngineException.Kind.FIREWALL, false));

    world.domain.ensurer().ensure(world.request(ANNA, Duration.ofSeconds(5)));

    assertThat(world.failures())
        .singleElement()
        .extracting(Failed::reason)
        .isEqualTo(Failed.Reason.FIREWALL);
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);
  }

  /** Its network is another one then, without the firewall that was proved. */
  @Test
  void aSandboxThatSomebodyStartedAgainIsMadeAnew() throws Exception {
    Ready first = world.ready(ANNA);
    world.engine.restartByHand(first.containerId());

    Ready second = world.ready(ANNA);

    assertThat(second.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(second.containerId()).isNotEqualTo(first.containerId());
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.containerId()).isEqualTo(first.containerId());
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
            });
  }

  @Test
  void aClaimedSandboxThatSomebodyStartedAgainIsMadeAnew(@TempDir Path warmRoot) throws Exception {
    world = new World(warmRoot, 2, null, 1_000_000, 1);
    world.warmUp();
    Ready first = world.ready(ANNA);
    assertThat(first.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    world.engine.restartByHand(first.containerId());

    assertThat(world.ready(ANNA).containerId()).isNotEqualTo(first.containerId());
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.DIED);
  }

  /** The record of its ready may be in the log, and the user may come back here. */
  @Test
  void aSandboxWhoseReadyWasTriedAndFencedIsInUse() throws Exception {
    world.ready(ANNA);
    world.advance(World.TTL.dividedBy(2));
    EnsureRequest open = world.request(ANNA);
    AtomicInteger passes = new AtomicInteger();
    EnsureRequest fenced =
        new EnsureRequest(
            open.ensure(),
            open.partition(),
            open.arrived(),
            open.deadline(),
            () -> {
              if (passes.getAndIncrement() > 0) { // once before its work, then before its ready
                throw new FencedException("the partition is another worker's");
              }
            });

    assertThatThrownBy(() -> world.domain.ensurer().ensure(fenced))
        .isInstanceOf(FencedException.class);

    assertThat(Objects.requireNonNull(world.registry.get(ANNA)).lastUse())
        .isEqualTo(new Sandbox.LastUse(world.now, Reaped.Use.ENSURE));
  }

  @Test
  void aWorkspaceThatTheHostHasNoRoomForJustNowIsTriedAgain() throws Exception {
    AtomicInteger tries = new AtomicInteger();
    world.quota =
        _ -> {
          if (tries.getAndIncrement() == 0) {
            throw new IOException(
                "could not make it", new FileSystemException("w", null, "No space left on device"));
          }
        };

    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aWorkspaceForWhichThereNeverIsRoomIsAMatterOfCapacity() throws Exception {
    world.quota =
        _ -> {
          world.advance(Duration.ofHours(1));
          throw new FileSystemException("w", null, "Too many open files");
        };

    Failed failed = world.failed(ANNA);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
    assertThat(failed.retryable()).isTrue();
    assertThat(failed.message()).contains("Too many open files");
  }

  @Test
  void aWorkspaceOnAFileSystemThatStaysAwayMayWorkLater() throws Exception {
    world.quota =
        _ -> {
          world.advance(Duration.ofHours(1));
          throw new FileSystemException("w", null, "Stale file handle");
        };

    Failed failed = world.failed(ANNA);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.retryable()).isTrue();
    assertThat(failed.message()).contains("Stale file handle");
  }

  @Test
  void aWorkspaceOnAFileSystemThatDoesNotAnswerMayWorkLater() throws Exception {
    world.quota =
        _ -> {
          world.advance(Duration.ofHours(1));
          throw new FileCalls.UnansweredException("no answer");
        };

    Failed failed = world.failed(ANNA);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.retryable()).isTrue();
    assertThat(failed.message()).contains("no answer");
  }

  @Test
  void anOldEnsureGetsFailedAndNoContainer() throws Exception {
    world.domain.ensurer().ensure(world.request(ANNA, Duration.ZERO));
    assertThat(world.failures())
        .singleElement()
        .extracting(Failed::reason)
        .isEqualTo(Failed.Reason.EXPIRED);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void anEnsureThatWasReadBeforeTheMachineSleptGetsFailedAndNoContainer() throws Exception {
    EnsureRequest before = world.request(ANNA, Duration.ofMinutes(5));
    world.slept = Duration.ofHours(1);
    world.domain.ensurer().ensure(before);
    assertThat(world.failures())
        .singleElement()
        .extracting(Failed::reason)
        .isEqualTo(Failed.Reason.EXPIRED);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aSandboxFoundDeadIsAnnouncedWithItsExitCodeAndMadeAgain() throws Exception {
    Ready first = world.ready(ANNA);
    world.engine.die(first.containerId(), 42);
    Ready second = world.ready(ANNA);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
              assertThat(reaped.containerId()).isEqualTo(first.containerId());
              assertThat(reaped.exitCode()).isEqualTo(42);
              assertThat(reaped.lastActiveAt()).isNotNull();
            });
  }

  @Test
  void anotherWorkersContainerUnderTheNameIsReplacedNotAdopted() throws Exception {
    world.engine.put(World.another("theirs", ANNA));
    Ready ready = world.ready(ANNA);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(ready.containerId()).isNotEqualTo("theirs");
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.REPLACED);
  }

  @Test
  void aStartWhoseAnswerWasLostIsNotTrustedAndNotAnnounced() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("start", EngineException.Kind.UNAVAILABLE, true));
    world.engine.faults.failNext(
        new EngineFaults.Fault("remove", EngineException.Kind.UNAVAILABLE, false));
    Ready ready = world.ready(ANNA);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(world.engine.creates()).isEqualTo(2);
    assertThat(world.engine.everything()).hasSize(1);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aPermanentFailureIsAnsweredAtOnceWithItsReason() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("create", EngineException.Kind.IMAGE_MISSING, false));
    Failed failed = world.failed(ANNA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.IMAGE_MISSING);
    assertThat(failed.retryable()).isFalse();
    assertThat(failed.message()).contains("create").contains("fault of the test");
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aFirewallFailureIsNeverReadyAndLeavesNothing() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("start", EngineException.Kind.FIREWALL, true));
    assertThat(world.failed(ANNA).reason()).isEqualTo(Failed.Reason.FIREWALL);
    assertThat(world.engine.everything()).isEmpty();
  }

  /** A stop interrupts a start at the engine, and nobody may come back to clear up. */
  @Test
  void anInterruptedStartLeavesNothing() throws Exception {
    world.engine.faults.interruptNext("start");
    try {
      assertThatThrownBy(() -> world.domain.ensurer().ensure(world.request(ANNA)))
          .isInstanceOf(StoppedException.class);
    } finally {
      boolean _ = Thread.interrupted();
    }
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
  }

  @Test
  void aSandboxWhoseLimitsSomebodyChangedIsReplaced() throws Exception {
    String changed = world.ready(ANNA).containerId();
    world.engine.change(changed);
    Ready again = world.ready(ANNA);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(again.containerId()).isNotEqualTo(changed);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.containerId()).isEqualTo(changed);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.REPLACED);
            });
    assertThat(world.engine.everything()).hasSize(1);
  }

  @Test
  void theLiveTableHasWhatIsAnnouncedReadyAndNotReaped() throws Exception {
    String id = world.ready(ANNA).containerId();
    assertThat(world.live).containsOnlyKeys(id);
    world.ready(ANNA);
    assertThat(world.live).containsOnlyKeys(id);
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.live).isEmpty();
  }
}
