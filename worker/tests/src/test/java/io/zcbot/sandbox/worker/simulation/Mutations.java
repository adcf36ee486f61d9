/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.commands.CommandTable;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.intake.RecordForwarding;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Variants of the worker, each without one of its precautions. A simulation that does not notice
 * that proves nothing.
 */
public final class Mutations {
  static Mutation active = Mutation.NONE;

  private Mutations() {}

  private static boolean is(Mutation mutation) {
    return active == mutation;
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.ensure.EnsureRequest", name = "fence")
  public static Fence fence(EnsureRequest request) {
    return is(Mutation.NO_FENCE) ? Fence.OPEN : request.fence();
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.Lease", name = "isValid")
  public static boolean isValid(Object lease) {
    return is(Mutation.LEASE_FOR_EVER) || (Boolean) call(lease, "isValid", new Class<?>[0]);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.Lease", name = "isHeartbeatThrough")
  public static boolean isHeartbeatThrough(Object lease, ClockReading asked) {
    return is(Mutation.TRUST_THE_FIRST_ANSWER)
        || (Boolean) call(lease, "isHeartbeatThrough", new Class<?>[] {ClockReading.class}, asked);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.base.ClockReading", name = "since")
  public static long since(ClockReading moment, ClockReading earlier) {
    return is(Mutation.TRUST_THE_MONOTONIC_CLOCK)
        ? moment.nanos() - earlier.nanos()
        : moment.since(earlier);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.OffsetTracker", name = "committable")
  public static Optional<OffsetAndMetadata> committable(Object tracker, int maxMetadata) {
    if (is(Mutation.COMMIT_PAST_OPEN_RECORDS)) {
      OffsetAndMetadata position = (OffsetAndMetadata) field(tracker, "position");
      return position.equals(field(tracker, "committed"))
          ? Optional.empty()
          : Optional.of(new OffsetAndMetadata(position.offset()));
    }
    Object offset = call(tracker, "committable", new Class<?>[] {int.class}, (Integer) maxMetadata);
    return ((Optional<?>) offset).map(OffsetAndMetadata.class::cast);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.Handover", name = "lost")
  public static void lost(Handover handover, Set<Integer> partitions) {
    if (is(Mutation.REAP_WHAT_IS_LOST)) {
      SimulatedWorker.current().domain.reaper().reapAll(null, partitions::contains, Set.of());
    }
    handover.lost(partitions);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.sandbox.Ownership", name = "await")
  public static boolean await(Ownership ownership) throws InterruptedException {
    return is(Mutation.ACT_ON_LATE_READ) || ownership.await();
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.RecordForwarding", name = "forward")
  public static int forward(
      RecordForwarding forwarding, List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException {
    if (is(Mutation.FORWARD_TWICE)) {
      var _ = forwarding.forward(records, partition);
    }
    return forwarding.forward(records, partition);
  }

  @SuppressWarnings("unchecked")
  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.LowWatermarks", name = "settle")
  public static void settle(Object lowWatermarks, Consumer<byte[], byte[]> consumer) {
    if (is(Mutation.TRUST_THE_LAG)) {
      for (TopicPartition partition : consumer.assignment()) {
        if (consumer.currentLag(partition).equals(OptionalLong.of(0))) {
          ((Map<Integer, Long>) field(lowWatermarks, "lowWatermarks"))
              .put(partition.partition(), Machine.current().nanos());
        }
      }
    }
    call(lowWatermarks, "settle", new Class<?>[] {Consumer.class}, consumer);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.reap.Takeover", name = "announceLost")
  public static CompletableFuture<List<LiveSandbox>> announceLost(
      Takeover takeover, Collection<LiveSandbox> entries, Ownership ownership) {
    return is(Mutation.SAY_NOTHING_OF_LOST_HOSTS)
        ? CompletableFuture.completedFuture(List.of())
        : takeover.announceLost(entries, ownership);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.reap.LogComparison$Differences", name = "taken")
  public static List<Sandbox> taken(LogComparison.Differences differences) {
    return is(Mutation.KEEP_WHAT_IS_ANOTHERS) ? List.of() : differences.taken();
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.sandbox.Announcer", name = "opened")
  public static void opened(Announcer announcer, Sandbox sandbox, Fence fence)
      throws FencedException, InterruptedException {
    if (!is(Mutation.NO_LIVE_ENTRY)) {
      announcer.opened(sandbox, fence);
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.sandbox.LiveSandboxTable", name = "close")
  public static void close(LiveSandboxTable table, UserId user, String container)
      throws InterruptedException {
    if (!is(Mutation.ENTRY_STAYS)) {
      table.close(user, container);
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.sandbox.CurrentSandboxes", name = "remove")
  public static void remove(CurrentSandboxes table, UserId user)
      throws FencedException, InterruptedException {
    if (is(Mutation.REMOVE_ANOTHERS_ENTRY)) {
      table.purge(user);
    } else {
      table.remove(user);
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.engine.Engine", name = "kill")
  public static void kill(Engine engine, String container) throws EngineException {
    if (!is(Mutation.ANNOUNCE_BEFORE_THE_KILL)) {
      engine.kill(container);
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.reap.Termination", name = "endInsistently")
  public static void endInsistently(
      Termination termination, Sandbox sandbox, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    boolean isSilent = is(Mutation.END_SILENTLY_WHAT_MAY_BE_READY) && sandbox.announced() == null;
    termination.endInsistently(sandbox, isSilent ? null : reason);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.commands.CommandTable", name = "started")
  public static void started(CommandTable table, CommandEntry entry, Fence fence)
      throws FencedException, InterruptedException {
    if (is(Mutation.START_BEFORE_THE_ENTRY)) {
      fence.pass();
      Hooks.ofVirtual().start(() -> enter(table, entry, fence));
    } else {
      table.started(entry, fence);
    }
  }

  private static void enter(CommandTable table, CommandEntry entry, Fence fence) {
    try {
      table.started(entry, fence);
    } catch (FencedException | InterruptedException _) {
      // As it is left out.
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.commands.CommandTable", name = "answered")
  public static void answered(CommandTable table, CommandEntry entry) {
    if (is(Mutation.ENTRY_GOES_WITH_THE_ANSWER)) {
      table.remove(entry.userId(), entry.execId());
    } else {
      table.answered(entry);
    }
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.commands.ExecRequest", name = "mayBegin")
  public static BooleanSupplier mayBegin(ExecRequest request) {
    if (is(Mutation.COMMIT_BEFORE_THE_ENTRY)) {
      request.done().run();
    }
    return request.mayBegin();
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.commands.ExecRequest", name = "fence")
  public static Fence fence(ExecRequest request) {
    return is(Mutation.NO_FENCE_FOR_COMMANDS) ? Fence.OPEN : request.fence();
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.kafka.CommandTableReader", name = "read")
  public static Map<Integer, CommandTableReader.Part> read(
      CommandTableReader reader, Collection<Integer> partitions) {
    return is(Mutation.TABLE_NOT_READ) ? Map.of() : reader.read(partitions);
  }

  @InPlaceOf(owner = "io.zcbot.sandbox.worker.intake.FollowedPartition", name = "isTakenOver")
  public static boolean isTakenOver(Object followed) {
    return is(Mutation.EXECS_BEFORE_THE_TABLE)
        || (Boolean) call(followed, "isTakenOver", new Class<?>[0]);
  }

  private static Object field(Object of, String name) {
    try {
      Field field = of.getClass().getDeclaredField(name);
      field.setAccessible(true);
      return field.get(of);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object call(Object on, String name, Class<?>[] types, Object... arguments) {
    try {
      Method method = on.getClass().getDeclaredMethod(name, types);
      method.setAccessible(true);
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      throw sneaky(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> RuntimeException sneaky(Throwable failure) throws E {
    throw (E) failure;
  }
}
