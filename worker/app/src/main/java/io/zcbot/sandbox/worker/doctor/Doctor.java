/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.ImageFacts;
import io.zcbot.sandbox.worker.docker.host.RunnerProbe;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.MountReach;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;

/**
 * Runs all checks of what a worker with the given settings needs. Changes nothing, except that some
 * checks start a container or create a namespace and remove it. Blocks; used by one thread.
 */
public final class Doctor {
  private final WorkerConfig config;
  private final DockerEngine engine;
  private final FileCalls files = new FileCalls();

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
    List<Finding> workspaces = workspaces();
    List<Finding> findings = new ArrayList<>(engine());
    findings.addAll(workspaces);
    findings.add(ProcessChecks.warmSlots(config.capacity().warm.least()));
    if (engine.isLocal()) {
      int most = config.capacity().maxSandboxes;
      int pids = Math.toIntExact(config.spec().limits().pids());
      findings.add(ProcessChecks.openFiles(most, pids));
      findings.add(ProcessChecks.connections(most, config.spec().policy()));
      findings.add(HostCounters.processes(most, config.spec().limits()));
      findings.add(HostCounters.orphans(most, config.spec().limits()));
    } else {
      findings.add(
          Finding.warn(
              "host-limits",
              "the engine may be on another host, so its kernel's limits of open files,"
                  + " connections, processes, orphaned connections, terminals, asynchronous I/O,"
                  + " inotify instances and socket memory are not checked",
              "run this on the engine's host, with its socket as DOCKER_HOST"));
    }
    return findings;
  }

  /** Checks the workspace root, whose file system may not answer. */
  private List<Finding> workspaces() {
    Path root = config.workspaces().root;
    try {
      return files.at(
          root,
          () ->
              List.of(
                  WorkspaceChecks.root(root),
                  WorkspaceChecks.space(root),
                  WorkspaceChecks.quota(root, config.workspaces().limit)));
    } catch (IOException e) {
      return List.of(
          Finding.fail(
              "workspace-root",
              String.valueOf(e.getMessage()),
              "bring its server or disk back, or set ZCBOT_WORKSPACE_ROOT to another directory"));
    }
  }

  /**
   * Checks Kafka and its topics.
   *
   * @param admin not closed by this method
   */
  public static List<Finding> kafka(WorkerConfig config, Admin admin) throws InterruptedException {
    return new KafkaChecks(admin, config.kafka(), config.profiles().longestIdleTtl()).all();
  }

  /** Checks the images and networks of the profiles; what was found before is not repeated. */
  private List<Finding> grounds(List<Finding> found) throws EngineException {
    List<Finding> findings = new ArrayList<>();
    for (Profile profile : config.profiles().all()) {
      SandboxGround ground = engine.sandboxes(profile.spec()).ground();
      GroundChecks.of(ground, profile.spec()).stream()
          .filter(each -> !found.contains(each))
          .forEach(each -> findings.add(each.of(profile)));
    }
    return findings;
  }

  /** Checks what is in the images that only profiles have. */
  private List<Finding> images() throws EngineException {
    List<Finding> findings = new ArrayList<>();
    Set<String> seen = new HashSet<>(Set.of(config.spec().image()));
    for (Profile profile : config.profiles().all()) {
      String image = profile.spec().image();
      ImageFacts facts = seen.add(image) ? engine.imageFacts(image) : null;
      if (facts != null) {
        ImageChecks.ofContent(image, facts).forEach(each -> findings.add(each.of(profile)));
      }
    }
    return findings;
  }

  private List<Finding> confinement() {
    try {
      RunnerProbe probe = engine.sandboxes(config.spec()).probe();
      return List.of(
          GroundChecks.filter(probe.filter(), config.spec()),
          GroundChecks.sockets(probe.openSockets()));
    } catch (EngineException e) {
      return List.of(
          Finding.warn(
              "filter", e.getMessage(), "build the image from sandbox-image of this version"));
    }
  }

  private UidChecks.Choice uids(EngineFacts facts) {
    Path root = config.workspaces().root;
    try {
      return files.at(
          root,
          () -> {
            Path there = WorkspaceChecks.existing(root);
            return UidChecks.choose(
                config.capacity().uids,
                engine,
                facts,
                config.spec(),
                there,
                MountReach.problem(there));
          });
    } catch (IOException e) {
      return UidChecks.unknown(e);
    }
  }

  /** Checks what no engine reports about its host, if that is this one. */
  private List<Finding> enginesHost(EngineFacts facts, boolean sharedUid) {
    int most = config.capacity().maxSandboxes;
    List<Finding> findings = new ArrayList<>();
    findings.add(ProcessChecks.socketMemory(facts.cgroups().version()));
    if (!facts.hasOwnKernel(config.spec())) {
      findings.addAll(HostCounters.of(most, config.spec().limits()));
    }
    findings.add(ProcessChecks.inotify(most, sharedUid));
    findings.add(disk(facts));
    String cgroupParent = config.spec().limits().cgroupParent();
    if (cgroupParent != null) {
      findings.add(CgroupChecks.idle(facts, cgroupParent, CgroupChecks.MOUNTED));
    }
    return findings;
  }

  private Finding disk(EngineFacts facts) {
    Path root = config.workspaces().root;
    Path engineRoot = Path.of(facts.storage().dataRoot());
    try {
      return files.at(root, () -> WorkspaceChecks.disk(root, engineRoot));
    } catch (IOException e) {
      return Finding.warn(
          "workspace-disk", String.valueOf(e.getMessage()), "check again once it answers");
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
              config.profiles(),
              config.workspaces().limit,
              Advisories.in(config.engine().advisories)));
      UidChecks.Choice uids = uids(facts);
      findings.add(uids.finding());
      if (engine.isLocal()) {
        findings.addAll(enginesHost(facts, uids.uids().isShared()));
      }
      SandboxGround ground = engine.sandboxes(config.spec()).ground();
      findings.addAll(GroundChecks.of(ground, config.spec()));
      findings.addAll(grounds(findings));
      findings.addAll(images());
      if (ground.image() != null) {
        findings.addAll(confinement());
      }
      findings.add(
          ProcessChecks.warmSize(
              config.capacity().warm,
              config.capacity().maxSandboxes,
              facts.slotsInMemory(config.spec())));
      if (config.profiles().areSeveral()) {
        findings.add(
            ProcessChecks.warmSum(
                config.profiles(), facts.slotRoom(config.capacity().maxSandboxes)));
      }
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
