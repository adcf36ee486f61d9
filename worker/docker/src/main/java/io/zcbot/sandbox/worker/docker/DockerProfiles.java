/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Lookups;
import io.zcbot.sandbox.worker.docker.create.FreeUids;
import io.zcbot.sandbox.worker.docker.firewall.HostFirewall;
import io.zcbot.sandbox.worker.docker.firewall.Leftovers;
import io.zcbot.sandbox.worker.docker.firewall.RulesWatch;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;
import io.zcbot.sandbox.worker.docker.inspect.Inspector;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The sandboxes of a worker on an engine, of each profile. Adapters and networks are made when they
 * are first asked for; those with one name and one policy share a network. Thread-safe.
 */
public final class DockerProfiles implements ProfileEngines {
  private final EngineCalls calls;
  private final Lookups lookups;
  private final Inspector inspector;
  private final SandboxUids uids;
  private final String workerId;
  private final @Nullable String fleet;
  private final DockerEngineSettings settings;
  private final SandboxMetrics metrics;
  private final FreeUids freeUids;
  private final RuntimeVolume runtime;
  private final Leftovers leftovers = new Leftovers();

  // guarded by this, as are the fields below
  private final Map<Made, DockerSandboxes> adapters = new HashMap<>();
  private final Map<Ground, GuardedNetwork> networks = new LinkedHashMap<>();
  private final Map<Ground, RulesWatch> watches = new HashMap<>();
  private boolean watching;

  private record Made(String profile, SandboxSpec spec) {}

  private record Ground(String network, NetworkPolicy policy) {
    static Ground of(SandboxSpec spec) {
      return new Ground(spec.network(), spec.policy());
    }
  }

  DockerProfiles(
      EngineCalls calls,
      Lookups lookups,
      Inspector inspector,
      SandboxUids uids,
      String workerId,
      @Nullable String fleet,
      DockerEngineSettings settings,
      SandboxMetrics metrics) {
    this.calls = calls;
    this.lookups = lookups;
    this.inspector = inspector;
    this.uids = uids;
    this.workerId = workerId;
    this.fleet = fleet;
    this.settings = settings;
    this.metrics = metrics;
    this.freeUids = new FreeUids(calls, uids, workerId);
    this.runtime = new RuntimeVolume(calls, settings.runtimeImage());
  }

  @Override
  public DockerSandboxes sandboxes(Profile profile) {
    return sandboxes(profile.name(), profile.spec());
  }

  @Override
  public SlotEngine slots(Profile profile) {
    return sandboxes(profile);
  }

  synchronized DockerSandboxes sandboxes(String profile, SandboxSpec spec) {
    return adapters.computeIfAbsent(
        new Made(profile, spec),
        _ ->
            new DockerSandboxes(
                calls,
                lookups,
                inspector,
                spec,
                uids,
                freeUids,
                new ContainerOwner(workerId, fleet, profile),
                network(spec),
                runtime,
                settings));
  }

  private GuardedNetwork network(SandboxSpec spec) {
    Ground ground = Ground.of(spec);
    GuardedNetwork known = networks.get(ground);
    if (known == null) {
      SandboxNetwork network = new SandboxNetwork(calls, spec.network());
      known =
          new GuardedNetwork(
              network,
              new HostFirewall(
                  calls, spec, workerId, network, leftovers, settings, metrics, System::nanoTime));
      networks.put(ground, known);
      watch(ground, known);
    }
    return known;
  }

  private void watch(Ground ground, GuardedNetwork network) {
    if (watching) {
      watches.put(ground, RulesWatch.start(network.firewall()));
    }
  }

  /**
   * Sets the host's firewall rules of the networks that are in use. Blocks, but never throws: a
   * failure is logged and returned by {@link #firewallProblem}, and no container is created in such
   * a network until its rules are set.
   */
  public void checkFirewalls() {
    for (GuardedNetwork network : networks()) {
      network.firewall().check();
    }
  }

  /**
   * Starts to watch the host's rules of all networks, also of those that come into use later, so
   * that a change is repaired at once. Close the result to stop.
   */
  public synchronized AutoCloseable watchFirewalls() {
    watching = true;
    networks.forEach(this::watch);
    return this::stopWatching;
  }

  private synchronized void stopWatching() {
    watching = false;
    watches.values().forEach(RulesWatch::close);
    watches.clear();
  }

  /**
   * Returns which networks' firewalls are not known to be in force; null if all are. Does not
   * block.
   *
   * @param except a spec whose network is left out
   */
  public @Nullable String firewallProblem(SandboxSpec except) {
    List<String> problems = new ArrayList<>();
    Map<Ground, GuardedNetwork> all;
    synchronized (this) {
      all = new LinkedHashMap<>(networks);
    }
    all.forEach(
        (ground, network) -> {
          String problem = network.firewall().problem();
          if (problem != null && !ground.equals(Ground.of(except))) {
            problems.add("network " + ground.network + ": " + problem);
          }
        });
    return problems.isEmpty() ? null : String.join("; ", problems);
  }

  /**
   * Forgets what no profile needs any more. What is asked for again is made again.
   *
   * @param needed the profiles that users may ask for, and those of running sandboxes
   */
  public void retain(Collection<Profile> needed) {
    Set<Made> made =
        needed.stream().map(p -> new Made(p.name(), p.spec())).collect(Collectors.toSet());
    Set<Ground> grounds = needed.stream().map(p -> Ground.of(p.spec())).collect(Collectors.toSet());
    synchronized (this) {
      adapters.keySet().retainAll(made);
      for (Ground ground : List.copyOf(networks.keySet())) {
        if (!grounds.contains(ground)) {
          RulesWatch watch = watches.remove(ground);
          if (watch != null) {
            watch.close();
          }
          GuardedNetwork network = networks.remove(ground);
          if (network != null) {
            network.close();
          }
        }
      }
    }
  }

  /**
   * The policy that sandboxes have in a network of a name; null if none is in use. A network has
   * one policy at a time.
   */
  public synchronized @Nullable NetworkPolicy policyOf(String network) {
    return networks.keySet().stream()
        .filter(ground -> ground.network.equals(network) && ground.policy.hasNetwork())
        .map(Ground::policy)
        .findFirst()
        .orElse(null);
  }

  void doubtFirewalls() {
    networks().forEach(GuardedNetwork::doubt);
  }

  private synchronized List<GuardedNetwork> networks() {
    return List.copyOf(networks.values());
  }

  void close() {
    networks().forEach(GuardedNetwork::close);
  }
}
