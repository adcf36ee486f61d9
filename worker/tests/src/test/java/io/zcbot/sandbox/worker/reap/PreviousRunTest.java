/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.OnePartitionLog;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreviousRunTest extends InAWorld {
  private int adopt() throws Exception {
    world.reboot();
    return world
        .domain
        .previousRun()
        .adopt(world.sandboxLog(), _ -> 0, world.now - World.TTL.toNanos());
  }

  @Test
  void thePurgeTakesThisWorkersContainersAndNoOthers() throws Exception {
    world.ready(ANNA);
    world.engine.put(
        new Container(
            "theirs",
            Container.nameOf(BEN),
            Container.State.RUNNING,
            new Container.Ownership(BEN, null, "other", false),
            World.SPEC.hash(),
            Instant.EPOCH,
            null,
            false));
    world.restart();
    assertThat(world.engine.everything()).extracting(Container::id).containsExactly("theirs");
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.PURGED);
  }

  @Test
  void thePurgeAtTheStartRemovesItsUsersFromBothTablesThoughNoPartitionIsHeldYet()
      throws Exception {
    world.ready(ANNA);
    world.isAnothers = _ -> true;
    world.restart();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.current).isEmpty();
    assertThat(world.live).isEmpty();
  }

  @Test
  void aLeftoverAnnouncedByTheNewOwnerIsPurgedWithoutAnotherAnnouncement() throws Exception {
    takenOverElsewhere(world.ready(ANNA));
    world.restart();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  /** Another worker announced a sandbox lost. */
  private void takenOverElsewhere(Ready ready) {
    world.live.remove(ready.containerId());
    world.log.add(SampleEvents.lost(ready.userId(), ready.containerId()));
  }

  @Test
  void aSandboxWhoseEntrySomebodyRemovedIsAnnouncedPurged() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.live.clear();
    world.restart();
    assertPurged(id);
  }

  @Test
  void aSandboxThatWasNeverAnnouncedIsPurgedSilently() throws Exception {
    world.publishing = World.Publishing.CRASHES_BEFORE;
    try {
      world.ensure(ANNA);
    } catch (InterruptedException _) {
      world.live.clear(); // it crashed a moment earlier
    }
    world.restart();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxWhoseEntrySomebodyRemovedIsAdopted() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.live.clear();
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.ready(ANNA).containerId()).isEqualTo(id);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aForgedEntryKeepsNoSandboxFromBeingAdopted() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.advance(Duration.ofSeconds(1));
    world.live.put(id, new LiveSandbox(ANNA, id, "x", "y", Instant.EPOCH.minusSeconds(1)));
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped()).isEmpty();
  }

  private static final Instant FAR_FUTURE = Instant.parse("9999-12-31T23:59:59Z");

  @Test
  void aForgedEntryOfTheFutureCountsFromNow() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.advance(Duration.ofSeconds(1));
    world.live.put(id, new LiveSandbox(ANNA, id, "x", "y", FAR_FUTURE));
    assertThat(adopt()).isEqualTo(1);
    Sandbox adopted = world.registry.get(ANNA);
    assertThat(adopted.startedAt()).isEqualTo(world.now);
    assertThat(adopted.openedAt(Instant.EPOCH)).isEqualTo(world.time().now());
  }

  @Test
  void aForgedReadyOfTheFutureCountsFromNow() throws Exception {
    Ready own = world.ready(ANNA);
    world.live.clear();
    world.log.clear();
    world.log.add(
        new Ready(
            own.eventId(),
            ANNA,
            own.ensureId(),
            FAR_FUTURE,
            own.container(),
            own.outcome(),
            own.environment(),
            own.tookMs()));
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.registry.get(ANNA).startedAt()).isEqualTo(world.now);
  }

  /** Or it would look as if it had been started again since. */
  @Test
  void anAdoptedSandboxIsNeverOpenedBeforeItWasStarted() throws Exception {
    String id = world.ready(ANNA).containerId();
    Instant started = world.engine.find(id).orElseThrow().startedAt();
    world.now = -Duration.ofDays(1).toNanos(); // somebody set the clock back
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.registry.get(ANNA).openedAt(Instant.EPOCH)).isAfterOrEqualTo(started);
  }

  @Test
  void aSandboxWhoseUserAnotherWorkerServedSinceIsNotAdoptedButAnnounced() throws Exception {
    Ready own = world.ready(ANNA);
    world.live.clear();
    world.log.add(
        new Ready(
            "e",
            ANNA,
            "ensure",
            own.readyAt(),
            new ContainerRef("name", "another's", "host", "another"),
            own.outcome(),
            own.environment(),
            1));
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.PURGED);
  }

  @Test
  void anAdoptedSandboxIsReusedWithoutAWord() throws Exception {
    String id = world.ready(ANNA).containerId();
    assertThat(adopt()).isEqualTo(1);
    Ready again = world.ready(ANNA);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(again.containerId()).isEqualTo(id);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void anAdoptedSandboxUnusedSinceTheTtlIsIdleOnceTheLogIsRead() throws Exception {
    world.ready(ANNA);
    adopt();
    world.lowWatermark = null;
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.readAll();
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.IDLE);
  }

  private void assertPurged(String id) {
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.containerId()).isEqualTo(id);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
            });
  }

  @Test
  void whatDiedOrWasStartedAnewMeanwhileIsNotAdopted() throws Exception {
    world.engine.die(world.ready(ANNA).containerId(), 1);
    String restarted = world.ready(BEN).containerId();
    Container c = world.engine.find(restarted).orElseThrow();
    world.engine.put(
        new Container(
            c.id(),
            c.name(),
            c.state(),
            c.ownership(),
            c.specHash(),
            Instant.EPOCH.plus(Duration.ofDays(1)),
            null,
            false));
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped())
        .extracting(Reaped::reason)
        .containsExactly(Reaped.Reason.PURGED, Reaped.Reason.PURGED);
  }

  /** Whoever may write to the table must not be able to end what runs. */
  @Test
  void aForgedStartInItsEntryEndsNoSandbox() throws Exception {
    String id = world.ready(ANNA).containerId();
    LiveSandbox own = world.live.get(id);
    world.live.put(
        id,
        new LiveSandbox(
            ANNA,
            id,
            own.host(),
            own.workerId(),
            own.openedAt(),
            null,
            Instant.EPOCH.plusSeconds(7)));
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped()).isEmpty();
  }

  private static final Duration DAY = Duration.ofDays(1);

  /** An entry with the true start, but another time at which the sandbox was found ready. */
  private LiveSandbox opened(LiveSandbox own, Instant openedAt) {
    return new LiveSandbox(
        ANNA, own.containerId(), own.host(), own.workerId(), openedAt, null, own.startedAt());
  }

  /** Nor fails the start; the container was started two days before, as an old slot is. */
  @ParameterizedTest
  @ValueSource(strings = {"0000-01-01T00:00:00Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"})
  void aForgedEntryOfLongAgoMakesNoSandboxOlderThanItsFirstReady(Instant forged) throws Exception {
    world = new World(root, 2, DAY);
    world.advance(DAY.multipliedBy(2));
    long ready = world.now;
    String id = world.ready(ANNA).containerId();
    world.advance(Duration.ofSeconds(1));
    world.ready(ANNA);
    world.live.computeIfPresent(id, (_, own) -> opened(own, forged));
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.registry.get(ANNA).startedAt()).isEqualTo(ready);
    world.lowWatermark = null;
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0000-01-01T00:00:00Z", "1969-12-01T00:00:00Z"})
  void aForgedEntryOfLongAgoMakesNoSandboxOlderThanItsContainer(Instant forged) throws Exception {
    world.engine.clock = world.time().now();
    long started = world.now;
    String id = world.ready(ANNA).containerId();
    world.advance(DAY);
    world.ready(ANNA);
    world.live.computeIfPresent(id, (_, own) -> opened(own, forged));
    world.log.removeFirst();
    world.reboot();
    int adopted = world.domain.previousRun().adopt(cut(world.time().now()), _ -> 0, world.now);
    assertThat(adopted).isEqualTo(1);
    assertThat(world.registry.get(ANNA).startedAt()).isEqualTo(started);
  }

  /** The log after retention removed what is older. */
  private SandboxLog cut(Instant before) {
    SandboxLog log = world.sandboxLog();
    return new OnePartitionLog() {
      @Override
      public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
        return log.live(partitions, running, others);
      }

      @Override
      public Announcements announced(
          Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
        Announcements left = log.announced(partitions, containers, since);
        left.forgotten(ANNA, before);
        return left;
      }
    };
  }

  @Test
  void whatCanNotBeLimitedIsNotAdopted() throws Exception {
    world.ready(ANNA);
    world.ready(BEN);
    world.quota =
        user -> {
          if (user.equals(ANNA)) {
            throw new IOException("no");
          }
        };
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
            });
  }

  /** It was in order when the sandbox was made, and the next ensure looks at it again. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "Too many open files",
        "Cannot allocate memory",
        "Input/output error",
        "Stale file handle",
        "Transport endpoint is not connected"
      })
  void aWorkspaceThatCanNotBeLookedAtForTheMomentEndsNoSandbox(String reason) throws Exception {
    String id = world.ready(ANNA).containerId();
    world.quota =
        _ -> {
          throw new IOException("no limit", new FileSystemException("w", null, reason));
        };
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped()).isEmpty();
    world.quota = _ -> {};
    assertThat(world.ready(ANNA).containerId()).isEqualTo(id);
  }

  /** Or a start waits for one after another, while other workers announce all sandboxes lost. */
  @Test
  void howeverManyWorkspacesHangTheStartWaitsForTwo() throws Exception {
    world = new World(root, 4, null);
    for (int i = 1; i <= 4; i++) {
      world.ready(World.user(i));
    }
    AtomicInteger tries = new AtomicInteger();
    world.quota =
        _ -> {
          tries.incrementAndGet();
          throw new FileCalls.UnansweredException("no answer");
        };
    assertThat(adopt()).isEqualTo(4);
    assertThat(tries).hasValue(2);
    assertThat(world.reaped()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Stale file handle", "Transport endpoint is not connected"})
  void theEnsureOfASandboxWhoseWorkspaceStillCanNotBeLookedAtTriesAgain(String reason)
      throws Exception {
    String id = world.ready(ANNA).containerId();
    AtomicInteger looks = new AtomicInteger();
    world.quota =
        _ -> {
          if (looks.incrementAndGet() <= 2) { // the start's, and the ensure's first
            throw new IOException("no limit", new FileSystemException("w", null, reason));
          }
        };
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.ready(ANNA).containerId()).isEqualTo(id);
    assertThat(looks).hasValue(3);
  }

  @Test
  void aSandboxWhoseLimitsSomebodyChangedIsNotAdopted() throws Exception {
    world.engine.change(world.ready(ANNA).containerId());
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void whatTheNewOwnerAnnouncedLostIsNotAdoptedButRemovedSilently() throws Exception {
    takenOverElsewhere(world.ready(ANNA));
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void whatTheNewOwnerAnnouncedLostIsNotAdoptedThoughItsEntryIsLeft() throws Exception {
    Ready ready = world.ready(ANNA);
    LiveSandbox entry = world.live.get(ready.containerId());
    takenOverElsewhere(ready);
    world.live.put(ready.containerId(), entry); // it was killed before it removed the entry
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aSandboxWithAnEntryThatWasNeverAnnouncedIsNotAdopted() throws Exception {
    world.publishing = World.Publishing.CRASHES_BEFORE;
    assertThatThrownBy(() -> world.ensure(ANNA)).isInstanceOf(InterruptedException.class);
    assertThat(world.live).hasSize(1);
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
  }

  /** A log of twelve partitions with one user each, which records which of them were read. */
  private static final class TwelvePartitions implements SandboxLog {
    private final SandboxLog log;
    final List<Set<Integer>> live = new ArrayList<>();
    final List<Set<Integer>> announced = new ArrayList<>();
    final List<Instant> since = new ArrayList<>();
    private final int elsewhere;

    /** All events lie where their users' records are. */
    TwelvePartitions(SandboxLog log) {
      this(log, -1);
    }

    /** All events lie in one partition. */
    TwelvePartitions(SandboxLog log, int elsewhere) {
      this.log = log;
      this.elsewhere = elsewhere;
    }

    @Override
    public int partitions() {
      return 12;
    }

    @Override
    public int partitionOf(UserId user) {
      return Math.floorMod(user.hashCode(), 12);
    }

    @Override
    public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
      live.add(partitions);
      return log.live(partitions, running, others);
    }

    @Override
    public Announcements announced(
        Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
      announced.add(partitions);
      this.since.add(since);
      return elsewhere < 0 || partitions.contains(elsewhere)
          ? log.announced(partitions, containers, since)
          : new Announcements(containers);
    }
  }

  @Test
  void aStartReadsThePartitionsOfWhatRunsHereOnly() throws Exception {
    world.ready(ANNA);
    world.reboot();
    TwelvePartitions log = new TwelvePartitions(world.sandboxLog());
    Set<Integer> keyPartition = Set.of(log.partitionOf(ANNA));
    int adopted = world.domain.previousRun().adopt(log, _ -> 0, world.now - World.TTL.toNanos());
    assertThat(adopted).isEqualTo(1);
    assertThat(log.live).containsExactly(keyPartition);
    assertThat(log.announced).containsExactly(keyPartition);
  }

  @Test
  void aSandboxIsAdoptedThoughTheEnginesClockIsAheadOfTheWorkers() throws Exception {
    world.engine.clock = world.time().now().plusSeconds(1);
    String id = world.ready(ANNA).containerId();
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.ready(ANNA).containerId()).isEqualTo(id);
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxThatBecameReadyAfterTheClockWasSetBackIsAdopted() throws Exception {
    world.engine.clock = world.time().now().plus(Duration.ofHours(1));
    String id = world.ready(ANNA).containerId();
    world.reboot();
    TwelvePartitions log = new TwelvePartitions(world.sandboxLog());
    int adopted = world.domain.previousRun().adopt(log, _ -> 0, world.now - World.TTL.toNanos());
    assertThat(adopted).isEqualTo(1);
    // or it would miss the ready
    assertThat(log.since).containsExactly(world.live.get(id).openedAt());
  }

  /** Another worker may own its user's partition of now, where nothing tells of the sandbox. */
  @Test
  void whatWasAnnouncedBeforePartitionsWereRaisedIsNotAdoptedButAnnouncedPurged() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.live.clear(); // the entry lies in the former partition, where it does not count
    world.reboot();
    int keyPartition = new TwelvePartitions(world.sandboxLog()).partitionOf(ANNA);
    TwelvePartitions log = new TwelvePartitions(world.sandboxLog(), (keyPartition + 1) % 12);
    int adopted = world.domain.previousRun().adopt(log, log::partitionOf, world.now);
    assertThat(adopted).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertPurged(id);
  }

  /** Its ready lies where its user's records were when there were fewer partitions. */
  @Test
  void whatHasNoEntryIsLookedForInAllPartitions() throws Exception {
    world.ready(ANNA);
    world.live.clear();
    world.reboot();
    TwelvePartitions log = new TwelvePartitions(world.sandboxLog());
    world.domain.previousRun().purge(log);
    assertThat(log.announced).singleElement().satisfies(all -> assertThat(all).hasSize(12));
    assertThat(world.reaped()).hasSize(1);
  }
}
