/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens to an adopted sandbox whose partition the group gave to another worker. */
class PartitionHandoverTest {
  private static final UserId USER = World.user(1);

  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final Lanes lanes = new Lanes(Duration.ofSeconds(1));
  @TempDir Path root;
  private World world;
  private PartitionHandover handover;
  private boolean stopping;

  /** Thrown by the next takeover that reads the live table. */
  private volatile @Nullable RuntimeException failure;

  /** Runs when a takeover has read the live table; returns whether it was read completely. */
  private volatile BooleanSupplier complete = () -> true;

  /** Partitions that can't be read, and why. */
  private final Set<Integer> unreached = ConcurrentHashMap.newKeySet();

  private volatile KafkaException obstacle = new TimeoutException("no leader");

  /** The partition of each user. */
  private volatile ToIntFunction<UserId> partitionOf = _ -> 0;

  private final StartRetry retry = new StartRetry(() -> stopping);
  private final FakeOwnership ownership = new FakeOwnership(State.LOST);

  @BeforeEach
  void anAdoptedSandbox() throws Exception {
    world = new World(root, 10, null);
    var _ = world.ready(USER);
    EagerEnsures eager =
        new EagerEnsures(
            event -> {},
            timer,
            GroupConfig.Handover.LAZY,
            "me",
            () -> Profiles.only(World.PROFILE),
            world.time());
    handover =
        new PartitionHandover(
            new PartitionRelease(
                world.domain.reaper(),
                world.domain.takeover(),
                lanes,
                new KeyPartitions(1),
                eager,
                GroupConfig.Restart.ADOPT,
                () -> stopping),
            world.domain.takeover(),
            new LogReading(
                world.comparison(failing(world.sandboxLog())),
                new PartitionReading(
                    new AnsweringLeaders(
                        number ->
                            !unreached.contains(number) || !(obstacle instanceof TimeoutException)),
                    List.of("sandbox.live", "sandbox.ready")),
                retry),
            eager,
            () -> stopping,
            _ -> CompletableFuture.completedFuture(null));
  }

  private SandboxLog failing(SandboxLog log) {
    return new SandboxLog() {
      @Override
      public int partitions() {
        return log.partitions();
      }

      @Override
      public int partitionOf(UserId user) {
        return partitionOf.applyAsInt(user);
      }

      @Override
      public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
        if (partitions.stream().anyMatch(unreached::contains)) {
          throw obstacle;
        }
        RuntimeException thrown = failure;
        if (thrown != null && others) { // a takeover, not the look at what others took over
          failure = null;
          throw thrown;
        }
        Entries entries = log.live(partitions, running, others);
        return others && !complete.getAsBoolean()
            ? new Entries(entries.running(), entries.others(), false)
            : entries;
      }

      @Override
      public Announcements announced(
          Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
        return log.announced(partitions, containers, since);
      }
    };
  }

  private Map<Integer, Ownership> owned(int... partitions) {
    return Arrays.stream(partitions)
        .boxed()
        .collect(Collectors.toMap(each -> each, _ -> ownership));
  }

  @AfterEach
  void close() {
    lanes.close();
    timer.shutdownNow();
  }

  /** Nobody came back to it, so it ran beside the one of the user's next worker. */
  @Test
  void aSandboxThatMovesIsEndedThoughTheEngineFailsOnce() {
    world.engine.faults.failNext(
        new EngineFaults.Fault("kill", EngineException.Kind.UNAVAILABLE, false));

    CompletableFuture<Void> released = handover.released(Set.of(0));
    world.settle();

    assertThat(released).isCompleted();
    assertThat(world.engine.running(USER)).isEmpty();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.MOVED);
  }

  @Test
  void aPartitionIsReleasedOnceTheLanesOfItsUsersAreThrough() throws Exception {
    CompletableFuture<Void> work = new CompletableFuture<>();
    UserId withoutSandbox = World.user(7);
    assertThat(lanes.submit(withoutSandbox, work::join)).isTrue();
    stopping = true;

    CompletableFuture<Void> released = handover.released(Set.of(0));
    await().during(Duration.ofMillis(200)).until(() -> !released.isDone());
    work.complete(null);
    released.get(60, TimeUnit.SECONDS);
  }

  @Test
  void aNewSandboxIsAskedForOnlyWhereTheOldOneEnded() throws Exception {
    UserId other = World.user(2);
    var _ = world.ready(other);
    List<UserId> asked = new CopyOnWriteArrayList<>();
    PartitionRelease release = eager(event -> asked.add(event.userId()));
    world.engine.faults.failNext(
        new EngineFaults.Fault("kill", EngineException.Kind.REJECTED, false));

    var _ = release.end(Set.of(0));
    world.settle();

    UserId ended = world.engine.running(USER).isEmpty() ? USER : other;
    await().during(Duration.ofMillis(400)).until(() -> asked.equals(List.of(ended)));
  }

  private PartitionRelease eager(EventSink asked) {
    return new PartitionRelease(
        world.domain.reaper(),
        world.domain.takeover(),
        lanes,
        new KeyPartitions(1),
        new EagerEnsures(
            asked,
            timer,
            GroupConfig.Handover.EAGER,
            "me",
            () -> Profiles.only(World.PROFILE),
            world.time()),
        GroupConfig.Restart.ADOPT,
        () -> stopping);
  }

  @Test
  void theNewSandboxHasTheLabelsAndTheEndOfTheOldOneUnlessThatHasPassed() throws Exception {
    UserId over = World.user(2);
    Instant end = world.time().now().plusSeconds(60);
    Map<String, String> labels = Map.of("tenant", "acme");
    var _ = world.ensure(USER, labels, end);
    var _ = world.ensure(over, null, world.time().now().plusSeconds(30));
    world.advance(Duration.ofSeconds(30));
    List<SandboxEvent> asked = new CopyOnWriteArrayList<>();

    var _ = eager(asked::add).end(Set.of(0));
    world.settle();

    await().during(Duration.ofMillis(400)).until(() -> asked.size() == 1);
    assertThat(asked)
        .singleElement()
        .isInstanceOfSatisfying(
            Ensure.class,
            ensure -> {
              assertThat(ensure.userId()).isEqualTo(USER);
              assertThat(ensure.labels()).isEqualTo(labels);
              assertThat(ensure.endsAt()).isEqualTo(end);
            });
  }

  private void announcedLostElsewhere() {
    String id = world.readies().getFirst().containerId();
    world.live.clear();
    world.log.add(SampleEvents.lost(USER, id));
  }

  private boolean isGone() {
    world.settle();
    return world.registry.get(USER) == null;
  }

  /** Each assignment once put the next look off by ten seconds, in which its user had two. */
  @Test
  void whatAnotherWorkerTookOverGoesSoonHoweverOftenPartitionsCome() {
    var _ = handover.assigned(owned());
    await().until(() -> !isGone());
    announcedLostElsewhere();
    var _ = handover.assigned(owned());
    await()
        .until(
            () -> {
              handover.removeUnowned(true);
              return isGone();
            });
    assertThat(world.engine.running(USER)).isEmpty();
  }

  /** Whatever failed, until then the partition is not served. */
  @Test
  void theLogIsReadAgainWhateverFailed() {
    ownership.state = State.TAKING_OVER;
    failure = new IllegalArgumentException("for once");
    CompletableFuture<Void> takeover = handover.assigned(owned(0)).get(0);
    await()
        .until(
            () -> {
              world.settle();
              return takeover.isDone();
            });
    assertThat(takeover).isCompleted();
    assertThat(failure).isNull();
  }

  @Test
  void aPartitionWhoseLogIsDamagedKeepsNoOtherFromBeingTakenOver() {
    obstacle = new KafkaException("Record batch at offset 7 is invalid");
    aPartitionThatIsNotReachedKeepsNoOtherFromBeingTakenOver();
  }

  @Test
  void aPartitionThatIsNotReachedKeepsNoOtherFromBeingTakenOver() {
    ownership.state = State.TAKING_OVER;
    unreached.addAll(Set.of(1, 5));
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(0, 1, 2, 3, 4, 5));
    await()
        .until(
            () -> {
              world.settle();
              return List.of(0, 2, 3, 4).stream().allMatch(each -> takeovers.get(each).isDone());
            });
    assertThat(takeovers.get(0)).isCompleted();
    assertThat(takeovers.get(1)).isNotDone();
    await().until(() -> String.valueOf(retry.problem()).contains("partitions [1, 5]"));
    unreached.clear();
    await()
        .until(
            () -> {
              world.settle();
              return takeovers.get(1).isDone() && takeovers.get(5).isDone();
            });
    assertThat(takeovers.get(1)).isCompleted();
    await().until(() -> retry.problem() == null);
  }

  private void lostWithItsHost(UserId user, String container) {
    ContainerRef ref = new ContainerRef("name", container, "dead host", "dead");
    world.log.add(SampleEvents.ready(user, "ensure", Instant.EPOCH, ref, Ready.Outcome.CREATED, 1));
    world.live.put(
        container, new LiveSandbox(user, container, ref.host(), ref.workerId(), Instant.EPOCH));
  }

  /** For example where its partition of a topic takes no writes. Once it held up all others. */
  @Test
  void aUserWhoIsHeldUpKeepsNoOtherPartitionFromBeingTakenOver() {
    ownership.state = State.TAKING_OVER;
    UserId other = World.user(2);
    UserId heldUp = World.user(3);
    partitionOf = user -> user.equals(heldUp) ? 1 : 0;
    lostWithItsHost(other, "gone 1");
    lostWithItsHost(heldUp, "gone 2");
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(0, 1));
    await()
        .until(
            () -> {
              var _ = world.step(other);
              return takeovers.get(0).isDone();
            });
    assertThat(takeovers.get(0)).isCompleted();
    assertThat(takeovers.get(1)).isNotDone();
    await().until(() -> isDone(takeovers.get(1)));
    assertThat(world.reaped())
        .extracting(Reaped::containerId)
        .containsExactlyInAnyOrder("gone 1", "gone 2");
  }

  @Test
  void aPartitionThatIsNotReachedIsForgottenWhereItGoes() {
    ownership.state = State.TAKING_OVER;
    unreached.add(1);
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(0, 1));
    await().until(() -> String.valueOf(retry.problem()).contains("partitions [1]"));
    ownership.state = State.LOST;
    await().until(() -> retry.problem() == null);
    assertThat(takeovers.get(1)).isCompletedExceptionally();
  }

  private boolean isDone(@Nullable CompletableFuture<Void> takeover) {
    world.settle();
    return takeover != null && takeover.isDone();
  }

  /** What waited for the other was never read, and nothing told of it. */
  @Test
  void aPartitionThatGoesInALaterRoundKeepsNoOtherFromBeingTakenOver() {
    ownership.state = State.TAKING_OVER;
    AtomicBoolean first = new AtomicBoolean(true);
    complete =
        () -> {
          boolean all = !first.getAndSet(false);
          unreached.add(1);
          return all;
        };
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(0, 1));
    await().until(() -> isDone(takeovers.get(0)));
    assertThat(takeovers.get(0)).isCompleted();
    assertThat(takeovers.get(1)).isNotDone();
    ownership.state = State.LOST;
    await().until(() -> isDone(takeovers.get(1)));
    assertThat(takeovers.get(1)).isCompletedExceptionally();
  }

  /** Usual where partitions come one by one. */
  @Test
  void theOnlyPartitionIsForgottenWhereItGoesUnreached() {
    ownership.state = State.TAKING_OVER;
    unreached.add(1);
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(1));
    await().until(() -> String.valueOf(retry.problem()).contains("partitions [1]"));
    ownership.state = State.LOST;
    await().until(() -> retry.problem() == null);
    assertThat(takeovers.get(1)).isCompletedExceptionally();
  }

  @Test
  void partitionsThatGoAreNotReadOnWhateverFails() {
    ownership.state = State.TAKING_OVER;
    complete =
        () -> {
          throw new GroupAuthorizationException("no");
        };
    Map<Integer, CompletableFuture<Void>> takeovers = handover.assigned(owned(0, 1));
    await().until(() -> retry.problem() != null);
    ownership.state = State.LOST;
    await().until(() -> retry.problem() == null);
    assertThat(takeovers.get(0)).isCompletedExceptionally();
  }

  @Test
  void nothingGoesWhileTheWorkerStops() {
    announcedLostElsewhere();
    stopping = true;
    handover.removeUnowned(true);
    await().during(Duration.ofMillis(200)).until(() -> !isGone());
  }
}
