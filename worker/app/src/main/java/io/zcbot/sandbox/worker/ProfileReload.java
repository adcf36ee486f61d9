/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.config.ConfigException;
import io.zcbot.sandbox.worker.config.ProfilesFile;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.doctor.Advisories;
import io.zcbot.sandbox.worker.doctor.EngineChecks;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the operator's file of profiles again while the worker runs. A file that is wrong changes
 * nothing. Running sandboxes keep the profile that they were made of.
 */
final class ProfileReload {
  private static final Logger log = LoggerFactory.getLogger(ProfileReload.class);

  private final WorkerConfig config;
  private final Host host;
  private final AtomicReference<Profiles> profiles;
  private final Registry registry;
  private final WarmPool slots;
  private volatile @Nullable String problem;

  ProfileReload(
      WorkerConfig config,
      Host host,
      AtomicReference<Profiles> profiles,
      Registry registry,
      WarmPool slots) {
    this.config = config;
    this.host = host;
    this.profiles = profiles;
    this.registry = registry;
    this.slots = slots;
  }

  /** Why the file could not be used when it was read last; null if it could. */
  @Nullable String problem() {
    return problem;
  }

  /** Reads the file on another thread. Never blocks. */
  void begin() {
    Threads.start("profiles", this::run);
  }

  private synchronized void run() {
    ProfilesFile file = config.profilesFile();
    if (file == null) {
      return;
    }
    try {
      Profiles read = file.read();
      List<String> unfit = unfit(read);
      if (unfit.isEmpty()) {
        use(read);
      } else {
        keep(String.join("\n  ", unfit));
      }
    } catch (ConfigException | EngineException | IOException e) {
      keep(String.valueOf(e.getMessage()));
    }
  }

  private void keep(String why) {
    problem = "the file of profiles can't be used, so the former profiles stay: " + why;
    log.error("{}", problem);
  }

  private void use(Profiles read) {
    Profiles before = profiles.getAndSet(read);
    slots.offer(read);
    host.sandboxes()
        .retain(
            Stream.concat(read.all().stream(), registry.all().stream().map(Sandbox::profile))
                .toList());
    problem = null;
    log.info(
        "the profiles were read again: {}; changed or new: {}",
        names(read.all().stream()),
        names(read.all().stream().filter(each -> !each.equals(before.find(each.name())))));
  }

  private static String names(Stream<Profile> profiles) {
    String names = profiles.map(Profile::name).collect(Collectors.joining(", "));
    return names.isEmpty() ? "none" : names;
  }

  /** What the host can't provide, or not without a restart. */
  private List<String> unfit(Profiles read) throws EngineException, IOException {
    EngineFacts facts = host.engine().facts();
    List<String> problems =
        new ArrayList<>(
            EngineChecks.of(
                    facts,
                    read,
                    config.workspaces().limit,
                    Advisories.in(config.engine().advisories))
                .stream()
                .filter(finding -> finding.level() == Finding.Level.FAIL)
                .map(finding -> finding.detail() + "; " + finding.fix())
                .toList());
    for (Profile profile : read.all()) {
      NetworkPolicy policy = profile.spec().policy();
      NetworkPolicy used = host.sandboxes().policyOf(profile.spec().network());
      if (policy.hasNetwork() && used != null && !used.equals(policy)) {
        problems.add(
            "profile "
                + profile.name()
                + ": sandboxes in the network "
                + profile.spec().network()
                + " have another policy, which they keep; give the new one another network.name, or"
                + " restart the worker");
      }
      if (facts.hasOwnKernel(profile.spec()) && !host.mapsRoot()) {
        problems.add(
            "profile "
                + profile.name()
                + ": its runtime has a kernel of its own, and no profile had one when the worker"
                + " started; restart the worker");
      }
    }
    return problems;
  }
}
