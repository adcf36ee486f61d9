/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.doctor.Advisories;
import io.zcbot.sandbox.worker.doctor.EngineChecks;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import io.zcbot.sandbox.worker.doctor.GroundChecks;
import io.zcbot.sandbox.worker.doctor.UidChecks;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Refuses an engine on which the guarantees would not hold, before any sandbox runs there. */
public final class Preflight {
  private static final Logger log = LoggerFactory.getLogger(Preflight.class);

  private final DockerEngine engine;
  private final Profiles profiles;
  private final @Nullable WorkspaceLimit limit;
  private final Advisories advisories;
  private final Optional<SandboxUids> wanted;
  private final Path root;
  private final @Nullable String mountProblem;
  private final FileCalls files;

  /**
   * Creates the checks of an engine for some profiles.
   *
   * @param limit of each workspace; null for none
   * @param wanted the users of the sandboxes; empty for one user per sandbox where that is possible
   * @param root of the workspaces, an existing directory
   * @param mountProblem why this process can't mount workspaces there, or why the engine does not
   *     see them; null if neither
   * @param files how that directory is accessed
   */
  public Preflight(
      DockerEngine engine,
      Profiles profiles,
      @Nullable WorkspaceLimit limit,
      Advisories advisories,
      Optional<SandboxUids> wanted,
      Path root,
      @Nullable String mountProblem,
      FileCalls files) {
    this.engine = engine;
    this.profiles = profiles;
    this.limit = limit;
    this.advisories = advisories;
    this.wanted = wanted;
    this.root = root;
    this.mountProblem = mountProblem;
    this.files = files;
  }

  /**
   * What the checks found out about a fit engine.
   *
   * @param weaknesses what makes sandboxes weaker than they could be
   * @param facts what the engine said of itself
   * @param owner the owner that workspaces must have on the engine's host
   * @param uids the users of the sandboxes
   * @param ownKernel whether sandboxes of any profile have their own kernel
   */
  public record Fit(
      List<Finding> weaknesses,
      EngineFacts facts,
      Workspaces.Owner owner,
      SandboxUids uids,
      boolean ownKernel) {}

  /**
   * Runs the checks, and waits for the engine, and while this host is short of something.
   *
   * @throws IOException if the engine is not fit; the message names every reason and its fix
   */
  public Fit run(StartRetry retry) throws IOException, TopicsException, InterruptedException {
    SandboxSpec spec = profiles.usual().spec();
    EngineFacts facts =
        retry.untilItWorks("check the engine", engine::facts, EngineException.class::isInstance);
    UidChecks.Choice uids =
        retry.whileShort(
            "look for users of sandboxes",
            () ->
                files.at(
                    root, () -> UidChecks.choose(wanted, engine, facts, spec, root, mountProblem)));
    List<Finding> findings = new ArrayList<>(EngineChecks.of(facts, profiles, limit, advisories));
    findings.add(uids.finding());
    SandboxGround.Image image = image(spec);
    if (image != null) {
      findings.add(GroundChecks.volumes(image, spec));
    }
    List<String> faults =
        findings.stream()
            .filter(f -> f.level() == Level.FAIL)
            .map(f -> f.check() + ": " + f.detail() + "; " + f.fix())
            .toList();
    if (!faults.isEmpty()) {
      throw new IOException("the engine is not fit for sandboxes: " + String.join("; ", faults));
    }
    List<Finding> weaknesses = findings.stream().filter(f -> f.level() == Level.WARN).toList();
    warn(weaknesses);
    try {
      return new Fit(
          weaknesses,
          facts,
          facts.workspaceOwner(),
          uids.uids(),
          profiles.all().stream().anyMatch(each -> facts.hasOwnKernel(each.spec())));
    } catch (EngineException e) {
      throw new IOException("could not use the engine: " + e.getMessage(), e);
    }
  }

  /** The sandboxes' image; null if the engine lacks it, as before a pull, or does not tell. */
  private SandboxGround.@Nullable Image image(SandboxSpec spec) {
    try {
      return engine.image(spec.image());
    } catch (EngineException e) {
      log.warn("could not check the image: {}", e.getMessage());
      return null;
    }
  }

  /** One line: readiness has the details, and the doctor says what to do. */
  private static void warn(List<Finding> weaknesses) {
    if (!weaknesses.isEmpty()) {
      log.warn(
          "the engine protects sandboxes less than it could, with {}: {}; 'sandbox doctor"
              + " --verbose' explains each and how to fix it",
          weaknesses.size() == 1 ? "1 warning" : weaknesses.size() + " warnings",
          String.join(", ", weaknesses.stream().map(Finding::check).distinct().toList()));
    }
    weaknesses.forEach(w -> log.debug("{}: {}; {}", w.check(), w.detail(), w.fix()));
  }
}
