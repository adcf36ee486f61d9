/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ensure.Ensurer;
import io.zcbot.sandbox.worker.intake.Assignment;
import io.zcbot.sandbox.worker.intake.EnsureIntake;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.publish.KafkaCurrentSandboxes;
import io.zcbot.sandbox.worker.publish.Publisher;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The worker's path of an ensure, over an engine of the measurement's own. */
final class LocalWorker implements AutoCloseable {
  static final int CREATES = 4;

  private final Lanes lanes = new Lanes(Duration.ofSeconds(5));
  private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1);
  private final Publisher publisher;
  private final Domain domain;
  private final Assignment assignment;
  private final EnsureIntake intake;
  private final int partitions;
  private boolean started;

  /** Leaves the sandboxes of partitions that come and go alone. */
  private static final class NoHandover implements Handover {
    @Override
    public Map<Integer, CompletableFuture<Void>> assigned(Map<Integer, Ownership> partitions) {
      return partitions.keySet().stream()
          .collect(
              Collectors.toMap(number -> number, _ -> CompletableFuture.completedFuture(null)));
    }

    @Override
    public void lost(Set<Integer> partitions) {}

    @Override
    public CompletableFuture<Void> released(Set<Integer> partitions) {
      return CompletableFuture.completedFuture(null);
    }
  }

  LocalWorker(
      Kafka kafka, String prefix, String id, int partitions, FakeEngine engine, Path workspaces)
      throws IOException {
    KafkaClients clients = new KafkaClients(kafka.config(prefix, prefix + "group", 1), id);
    publisher =
        new Publisher(
            clients.producer(),
            new KeyPartitions(partitions),
            prefix,
            "/bench/" + id,
            "bench",
            64,
            Replies.NONE);
    this.partitions = partitions;
    assignment = assignment(prefix, partitions);
    Profile profile =
        new Profile(
            ProfileName.DEFAULT,
            engine.spec(),
            IdleTtls.always(Duration.ofHours(1)),
            null,
            new Warm(0, 0),
            Map.of());
    domain =
        Domain.of(
            new Domain.Ports(
                engine,
                publisher,
                publisher,
                new KafkaCurrentSandboxes(publisher, assignment),
                lanes::submit,
                _ -> OptionalLong.empty(),
                timer,
                Time.system(),
                SandboxMetrics.NONE),
            () -> Profiles.only(profile),
            new Domain.Settings(
                new Identity(id, "bench", "unix:///none"),
                new Reaper.Limits(Duration.ofHours(1), null, null),
                100_000,
                CREATES,
                CREATES,
                Integer.MAX_VALUE),
            new Registry(),
            Workspaces.open(workspaces),
            new WarmPool.Setup(
                ProfileEngines.always(engine, uncalled(SlotEngine.class)),
                uncalled(SlotMounts.class),
                () -> 0),
            CommandSetup.NONE);
    intake =
        new EnsureIntake(
            group(clients, id, assignment),
            settings(partitions),
            lanes::submit,
            domain.ensurer()::ensure,
            publisher,
            Time.system(),
            IntakeMetrics.NONE);
  }

  /** What nothing calls where there are no warm slots. */
  private static <T> T uncalled(Class<T> port) {
    return port.cast(
        Proxy.newProxyInstance(
            port.getClassLoader(),
            new Class<?>[] {port},
            (_, method, _) -> {
              throw new UnsupportedOperationException(method.toString());
            }));
  }

  static Assignment assignment(String prefix, int partitions) {
    return new Assignment(prefix + "ensure", partitions, 1000, Time.system());
  }

  static EnsureIntake.Group group(KafkaClients clients, String id, Assignment assignment) {
    return new EnsureIntake.Group(
        () -> clients.groupConsumer(500, id), assignment, new NoHandover(), () -> {});
  }

  /** The worker's defaults. */
  static EnsureIntake.Settings settings(int partitions) {
    return new EnsureIntake.Settings(
        partitions, Duration.ofHours(1), Duration.ofSeconds(10), true, Duration.ofSeconds(5));
  }

  Ensurer ensurer() {
    return domain.ensurer();
  }

  int partitionsOwned() {
    return (int) IntStream.range(0, partitions).filter(p -> assignment.of(p).mayBegin()).count();
  }

  LocalWorker start() {
    intake.start();
    started = true;
    return this;
  }

  @Override
  public void close() {
    if (started) {
      intake.close();
    }
    lanes.close();
    publisher.close();
    timer.shutdownNow();
  }
}
