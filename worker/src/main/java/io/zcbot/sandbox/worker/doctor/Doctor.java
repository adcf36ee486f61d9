/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.MountReach;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.admin.Admin;

/**
 * Runs all checks of what a worker with the given settings needs. Changes nothing, except that some
 * checks start a container or create a namespace and remove it. Blocks; used by one thread.
 */
public final class Doctor {
  private final WorkerConfig config;
  private final DockerEngine engine;

  /**
   * Creates the checks.
   *
   * @param engine not closed by this class
   */
  public Doctor(WorkerConfig config, DockerEngine engine) {
    this.config = config;
    this.engine = engine;
  }

  /** Checks the engine and this host. */
  public List<Finding> host() {
    List<Finding> findings = new ArrayList<>(engine());
    findings.add(WorkspaceChecks.root(config.workspaces().root));
    findings.add(WorkspaceChecks.quota(config.workspaces().root, config.workspaces().limit));
    findings.add(ProcessChecks.warmSlots(config.capacity().warm.least()));
    findings.add(
        ProcessChecks.openFiles(
            config.capacity().maxSandboxes, Math.toIntExact(config.spec().limits().pids())));
    findings.add(ProcessChecks.connections(config.capacity().maxSandboxes, config.spec().policy()));
    return findings;
  }

  /**
   * Checks Kafka and its topics.
   *
   * @param admin not closed by this method
   */
  public static List<Finding> kafka(WorkerConfig config, Admin admin) throws InterruptedException {
    return new KafkaChecks(admin, config.kafka(), config.reaper().longestIdleTtl).all();
  }

  private Finding sockets() {
    try {
      return GroundChecks.sockets(engine.sandboxes(config.spec()).openSockets());
    } catch (EngineException e) {
      return Finding.warn(
          "sockets", e.getMessage(), "build the image from sandbox-image of this version");
    }
  }

  private UidChecks.Choice uids(EngineFacts facts, Path workspaces) {
    try {
      return UidChecks.choose(
          config.capacity().uids,
          engine,
          facts,
          config.spec(),
          workspaces,
          MountReach.problem(workspaces));
    } catch (IOException e) {
      return UidChecks.unknown(e);
    }
  }

  private List<Finding> engine() {
    List<Finding> findings = new ArrayList<>();
    try {
      Instant asked = Instant.now();
      EngineFacts facts = engine.facts();
      Instant answered = Instant.now();
      findings.addAll(
          EngineChecks.of(
              facts,
              config.spec(),
              config.workspaces().limit,
              Advisories.in(config.engine().advisories)));
      findings.add(ProcessChecks.socketMemory(facts.cgroups().version()));
      if (!facts.hasOwnKernel(config.spec())) {
        findings.addAll(HostCounters.of(config.capacity().maxSandboxes, config.spec().limits()));
      }
      Path workspaces = WorkspaceChecks.existing(config.workspaces().root);
      UidChecks.Choice uids = uids(facts, workspaces);
      findings.add(uids.finding());
      if (engine.isLocal()) {
        findings.add(WorkspaceChecks.disk(workspaces, Path.of(facts.storage().dataRoot())));
        String cgroupParent = config.spec().limits().cgroupParent();
        if (cgroupParent != null) {
          findings.add(CgroupChecks.idle(facts, cgroupParent, CgroupChecks.MOUNTED));
        }
      }
      findings.add(ProcessChecks.inotify(config.capacity().maxSandboxes, uids.uids().isShared()));
      SandboxGround ground = engine.sandboxes(config.spec()).ground();
      findings.addAll(GroundChecks.of(ground, config.spec()));
      if (ground.image() != null) {
        findings.add(sockets());
      }
      findings.add(
          ProcessChecks.warmSize(
              config.capacity().warm,
              config.capacity().maxSandboxes,
              facts.slotsInMemory(config.spec())));
      findings.add(CommandChecks.of(config.commands().mode, ground, config.spec()));
      findings.add(
          ClockChecks.of("engine-clock", "the engine", asked, answered, facts.systemTime()));
    } catch (EngineException e) {
      findings.add(
          Finding.fail(
              "engine",
              e.getMessage(),
              "check that the engine runs and that DOCKER_HOST is right"));
    }
    return findings;
  }
}
