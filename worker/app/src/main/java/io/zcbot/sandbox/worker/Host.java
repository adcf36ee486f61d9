/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.DockerProfiles;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.doctor.Advisories;
import io.zcbot.sandbox.worker.doctor.BrokerProbe;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.mounts.FileSystemSpace;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.mounts.MappedWorkspaces;
import io.zcbot.sandbox.worker.mounts.MountReach;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.ProjectQuotas;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.ops.Health;
import io.zcbot.sandbox.worker.publish.Cluster;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicWeakness;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.sandbox.WorkspaceQuota;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import io.zcbot.sandbox.worker.startup.Membership;
import io.zcbot.sandbox.worker.startup.Preflight;
import java.io.Closeable;
import java.io.IOException;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a worker works on: this host's engine and workspaces, and Kafka. One process holds it for
 * its worker id.
 *
 * @param partitions the number of partitions of each topic
 * @param facts what the engine said of itself at the start
 * @param mapsRoot whether workspaces are shown so that a runtime with a kernel of its own can use
 *     them
 */
record Host(
    DockerEngine engine,
    DockerProfiles sandboxes,
    Workspaces workspaces,
    MountedSlots slots,
    KafkaClients kafka,
    Membership membership,
    int partitions,
    EngineFacts facts,
    boolean mapsRoot) {
  private static final Logger log = LoggerFactory.getLogger(Host.class);

  /**
   * Blocks until the host and Kafka can be used.
   *
   * @throws IOException if the workspace root does not answer, it or the engine can't be used, or
   *     another process has the worker's id
   * @throws TopicsException if the topics do not meet the contract
   */
  static Host take(WorkerConfig config, Exposure exposure, StartRetry retry, Closer closer)
      throws IOException, TopicsException, InterruptedException {
    FileCalls files = new FileCalls();
    exposure.health().ready("workspaces", files::problem);
    Path configured = config.workspaces().root;
    Workspaces workspaces = files.at(configured, () -> Workspaces.open(configured)).calledBy(files);
    Path root = workspaces.root();
    exposure.showSpace(workspaces.measuredBy(FileSystemSpace::of));
    @Nullable String unseen =
        retry.whileShort(
            "look at the mount of the workspace root",
            () -> files.at(root, () -> MountReach.problem(root)));
    WorkspaceMount mount =
        retry.whileShort(
            "mount the workspace root",
            () -> open(files, root, () -> WorkspaceMount.prepare(root), closer));
    WorkspaceLimit limit = config.workspaces().limit;
    WorkspaceQuota quota =
        limit == null ? WorkspaceQuota.NONE : files.at(root, () -> ProjectQuotas.of(root, limit));
    DockerEngine engine = closer.add(EngineClient.of(config, exposure.sandboxMetrics()));
    KafkaClients kafka =
        new KafkaClients(config.kafka(), "zcbot-" + config.workerId() + "-on-" + config.host());
    Membership membership = open(files, root, () -> Membership.take(config, kafka), closer);
    Topics topics = verifyTopics(kafka, config.kafka(), retry);
    warnOfTopics(kafka, config, exposure.health());
    membership.refuseIfElsewhere(retry);
    Preflight.Fit fit =
        new Preflight(
                engine,
                config.profiles(),
                limit,
                Advisories.in(config.engine().advisories),
                config.capacity().uids,
                root,
                unseen == null ? mount.problem() : unseen,
                files)
            .run(retry);
    IdMaps maps = closer.add(new IdMaps(fit.owner(), fit.ownKernel()));
    for (Finding weakness : fit.weaknesses()) {
      exposure.health().warning("engine-" + weakness.check(), weakness::detail);
    }
    MappedWorkspaces views = files.at(root, () -> views(mount, maps, config.workerId()));
    return new Host(
        engine,
        engine.profiles(fit.uids(), topics.cluster() + "/" + config.kafka().topicPrefix()),
        workspaces
            .ownedBy(fit.owner())
            .limitedBy(quota)
            .shownBy(views)
            .measuredBy(FileSystemSpace::of),
        new MountedSlots(mount, maps, config.workerId(), files),
        kafka,
        membership,
        topics.partitions(),
        fit.facts(),
        fit.ownKernel());
  }

  /** Opens something in the workspace root until the stop, and waits for neither without end. */
  static <T extends Closeable> T open(
      FileCalls files, Path root, FileCalls.Call<T> call, Closer closer) throws IOException {
    T opened = files.at(root, call);
    closer.add(() -> close(files, root, opened));
    return opened;
  }

  private static void close(FileCalls files, Path root, Closeable opened) throws IOException {
    try {
      files.run(root, opened::close);
    } catch (FileCalls.UnansweredException e) {
      String what = opened.getClass().getSimpleName();
      log.warn("the {} of {} is left as it is: {}", what, root, e.getMessage());
    }
  }

  private static MappedWorkspaces views(WorkspaceMount mount, IdMaps maps, String workerId)
      throws IOException {
    MappedWorkspaces views = new MappedWorkspaces(mount, maps, workerId);
    views.clear();
    return views;
  }

  /**
   * The topics, which exist.
   *
   * @param cluster the id of their Kafka cluster
   */
  record Topics(String cluster, int partitions) {}

  static Topics verifyTopics(KafkaClients kafka, KafkaConfig config, StartRetry retry)
      throws IOException, TopicsException, InterruptedException {
    return retry.untilItWorks(
        "check the topics",
        () -> {
          if (!BrokerProbe.hasAddress(config.bootstrapServers())) {
            throw new UnknownHostException(
                "no name in ZCBOT_KAFKA_BOOTSTRAP_SERVERS="
                    + config.bootstrapServers()
                    + " has an address; check the setting and this host's DNS");
          }
          try (Admin admin = kafka.admin()) {
            TopicAdmin topics = new TopicAdmin(admin, config);
            Cluster cluster = topics.cluster();
            kafka.fetchSize().brokers(cluster.brokers());
            return new Topics(cluster.id(), topics.verifyOrCreate());
          }
        },
        e ->
            e instanceof UnknownHostException
                || (e instanceof TopicsException refused && !refused.isFinal()));
  }

  /**
   * Warns about topics whose settings endanger records or the worker; they are served nevertheless.
   */
  private static void warnOfTopics(KafkaClients kafka, WorkerConfig config, Health health)
      throws InterruptedException {
    List<String> weaknesses;
    try (Admin admin = kafka.admin()) {
      weaknesses =
          new TopicAdmin(admin, config.kafka())
              .weaknesses(config.profiles().longestIdleTtl()).stream()
                  .map(TopicWeakness::text)
                  .toList();
    } catch (TopicsException e) {
      weaknesses = List.of("the settings of the topics could not be checked: " + e.getMessage());
    }
    weaknesses.forEach(weakness -> log.warn("{}", weakness));
    if (!weaknesses.isEmpty()) {
      String summary = String.join("; ", weaknesses);
      health.warning("topics", () -> summary);
    }
  }
}
