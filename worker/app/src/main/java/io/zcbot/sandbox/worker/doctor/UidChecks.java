/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether each sandbox can have a user id of its own on this host, and from which range.
 */
public final class UidChecks {
  /**
   * The default range: above the ids that systemd and shadow assign to people and services, below
   * the ranges that they delegate.
   */
  static final SandboxUids DEFAULT = new SandboxUids(70_000, 74_095);

  /** The default range if the engine remaps users: within the 65,536 ids that only it has. */
  static final SandboxUids DEFAULT_REMAPPED = new SandboxUids(20_000, 24_095);

  private static final int REMAPPED_USERS = 65_536;
  private static final String CHECK = "sandbox-uids";

  private UidChecks() {}

  /**
   * The decision.
   *
   * @param uids the range, or {@link SandboxUids#SHARED}
   * @param finding FAIL if the configured range is not possible
   */
  public record Choice(SandboxUids uids, Finding finding) {}

  /**
   * Chooses the user ids of sandboxes.
   *
   * @param wanted the configured range; empty for a range if that is possible
   * @param directory an existing directory on the workspaces' file system
   * @param mountProblem why this process can't mount anything there, or why the engine does not see
   *     it; null if neither
   * @throws IOException if what is possible can't be determined now, for a reason that may pass. To
   *     share a user then would end all sandboxes that have one of their own.
   */
  public static Choice choose(
      Optional<SandboxUids> wanted,
      DockerEngine engine,
      EngineFacts facts,
      SandboxSpec spec,
      Path directory,
      @Nullable String mountProblem)
      throws IOException {
    if (wanted.isPresent() && wanted.get().isShared()) {
      return shared("as configured", "unset ZCBOT_SANDBOX_UIDS");
    }
    SandboxUids range = wanted.orElse(facts.remapsUsers() ? DEFAULT_REMAPPED : DEFAULT);
    String problem = problem(range, engine, facts, spec, directory, mountProblem);
    if (problem == null) {
      return new Choice(
          range, Finding.ok(CHECK, "each sandbox has a user of its own, one of " + range));
    }
    return wanted.isPresent()
        ? new Choice(
            SandboxUids.SHARED,
            Finding.fail(
                CHECK,
                "sandboxes can't have users of their own: " + problem,
                "fix that, or unset ZCBOT_SANDBOX_UIDS"))
        : shared(problem, "fix that, or set ZCBOT_SANDBOX_UIDS=shared to say that you know");
  }

  /** What to say of a choice that can't be made now. */
  static Choice unknown(IOException failure) {
    return new Choice(
        SandboxUids.SHARED,
        Finding.warn(
            CHECK,
            "whether sandboxes can have users of their own is not known: " + failure.getMessage(),
            "check again once that has passed; a worker waits for it at its start"));
  }

  private static Choice shared(String why, String fix) {
    return new Choice(
        SandboxUids.SHARED,
        Finding.warn(
            CHECK,
            "all sandboxes are one user of the host, whose queued signals, pipes and inotify"
                + " instances one of them can use up for all: "
                + why,
            fix));
  }

  private static @Nullable String problem(
      SandboxUids range,
      DockerEngine engine,
      EngineFacts facts,
      SandboxSpec spec,
      Path directory,
      @Nullable String mountProblem)
      throws IOException {
    if (spec.policy().rulesInSandbox()) {
      return "in the firewall mode "
          + spec.policy().firewall().name().toLowerCase(Locale.ROOT)
          + " the engine knows a sandbox's first process only, which is root";
    }
    if (!engine.isLocal()) {
      return "the engine is on another host, where this process can't mount workspaces";
    }
    if (facts.has("rootless")) {
      return "the engine is rootless";
    }
    if (facts.remapsUsers() && range.last() >= REMAPPED_USERS) {
      return "the engine remaps users, so that there are none from " + REMAPPED_USERS + " on";
    }
    try {
      String taken = facts.remapsUsers() ? null : HostUsers.within(range);
      if (taken != null) {
        return taken + ", which is one of " + range;
      }
      try (IdMaps maps = new IdMaps(facts.workspaceOwner(), facts.hasOwnKernel(spec))) {
        String problem = maps.problem(directory, range.first());
        return problem == null ? mountProblem : problem;
      }
    } catch (IOException e) {
      if (HostShortage.mayPass(e)) {
        throw e;
      }
      return e.getMessage();
    } catch (EngineException e) {
      return e.getMessage();
    }
  }
}
