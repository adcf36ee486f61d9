/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SharedAttempts;
import io.zcbot.sandbox.worker.docker.host.Bridge;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.ImagePull;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the firewall rules of one network's bridge in force on the host. The rules are set before
 * the first container is created and then periodically by {@link #check}. Setting them replaces all
 * existing rules in one transaction, so checking and repairing are the same operation. While the
 * rules are not known to be in force, no container is created.
 *
 * <p>{@link #require}, called before each create, usually only compares a timestamp. That the rules
 * hold at that very moment is proved by the sandbox's init from inside, before it reports ready.
 * For sandboxes that are ready already, {@link RulesWatch} notices changes.
 *
 * <p>Thread-safe. Concurrent callers share one attempt to set the rules.
 */
public final class HostFirewall {
  private static final Logger log = LoggerFactory.getLogger(HostFirewall.class);
  private static final int MOST_ATTEMPTS = 3;

  private static final String ADVICE =
      "build it (docker build -t zcbot-firewall:latest -f sandbox-image/firewall.Dockerfile"
          + " sandbox-image), or name another in ZCBOT_FIREWALL_IMAGE";

  private final EngineCalls calls;
  private final NetworkPolicy policy;
  private final String networkName;
  private final String workerId;
  private final SandboxNetwork network;
  private final ImagePull pull;
  private final String image;
  private final FirewallHelper helper;
  private final Resolvers resolvers;
  private final NamespaceSeal seal;
  private final RulesState state;
  private final SharedAttempts attempts = new SharedAttempts(Operation.FIREWALL);
  private final Leftovers leftovers;
  private volatile @Nullable List<String> sealRules;
  private volatile @Nullable List<String> environment;

  public HostFirewall(
      EngineCalls calls,
      SandboxSpec spec,
      String workerId,
      SandboxNetwork network,
      Leftovers leftovers,
      DockerEngineSettings settings,
      LongSupplier nanoTime) {
    this.calls = calls;
    this.policy = spec.policy();
    this.networkName = spec.network();
    this.workerId = workerId;
    this.network = network;
    this.leftovers = leftovers;
    this.image = settings.firewallImage();
    this.pull = new ImagePull(calls, image, ADVICE, settings.pullTimeout(), nanoTime);
    this.helper = new FirewallHelper(calls, image, workerId, settings.callTimeout());
    this.seal =
        new NamespaceSeal(calls, networkName, helper, () -> sealRules, settings.readyTimeout());
    // tolerates one late check, not two
    Duration validity = settings.firewallInterval().multipliedBy(2).plus(settings.callTimeout());
    this.state = new RulesState(validity, nanoTime);
    this.resolvers = new Resolvers(policy.dns(), networkName, nanoTime);
  }

  /** Returns what sets the rules in sandboxes' own network namespaces, for the same policy. */
  public NamespaceSeal seal() {
    return seal;
  }

  /**
   * Returns when the rules are known to be in force; sets them if needed, which blocks.
   *
   * @throws EngineException if they can't be set, or could not be set moments ago
   */
  public void require() throws EngineException {
    if (!policy.rulesOnHost() || state.isInForce()) {
      return;
    }
    EngineException failure = state.recentFailure();
    if (failure != null) {
      throw failure; // a queue of ensures must not repeat the attempt
    }
    renewUntilUndoubted();
  }

  /**
   * Sets the rules again, if the spec has any. Blocks, but does not throw: a failure is logged and
   * returned by {@link #problem}.
   */
  public void check() {
    if (!policy.rulesOnHost()) {
      return;
    }
    try {
      renewUntilUndoubted();
    } catch (EngineException e) {
      log.warn("The host's firewall: {}. No sandbox is started until it is set.", state.problem(e));
    }
  }

  /** Marks the rules as possibly gone: the next create or check sets them first. Does not block. */
  public void doubt() {
    doubt(now());
  }

  /**
   * Marks the rules as possibly gone until a moment: an attempt to set them that began later is as
   * good as one to come. If it were not, starts that fail while others do would void each other's
   * attempts, for which all ensures wait.
   *
   * @param until for example when a start that failed had begun, by {@link #now}
   */
  public void doubt(long until) {
    state.doubt(until);
    resolvers.forget();
  }

  /** The time on the monotonic clock, for {@link #doubt(long)}. */
  public long now() {
    return state.now();
  }

  /** Returns why the rules are not known to be in force; null if they are or the spec has none. */
  public @Nullable String problem() {
    return policy.rulesOnHost() ? state.problem() : null;
  }

  /**
   * Sets the rules until an attempt succeeds that began after the last doubt: an attempt that began
   * before, perhaps by another thread, may have set them before they were changed.
   */
  private void renewUntilUndoubted() throws EngineException {
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
      attempts.run(this::renew);
      if (state.isUndoubted()) {
        return;
      }
    }
    throw EngineErrors.exception(
        Kind.UNPROTECTED,
        Operation.FIREWALL,
        "each time that the host's rules were set, somebody changed them or a sandbox missed them",
        "find out what changes them, with: nft monitor",
        null);
  }

  private void renew() throws EngineException {
    RulesState.Check check = state.begin();
    boolean expected = state.isUndoubted();
    try {
      leftovers.removeOnce(helper);
      Map<String, String> said = set();
      state.succeeded(check);
      tell(said, expected);
    } catch (EngineException e) {
      state.failed(e);
      throw e;
    }
  }

  private void tell(Map<String, String> said, boolean expected) {
    String found = said.getOrDefault("found", "");
    if (expected && !found.equals("same")) {
      log.warn(
          "The host's firewall of network {} was {}; it is in force again ({})",
          networkName,
          found.equals("none") ? "gone" : "changed",
          said);
    } else if (!expected) {
      log.info("The host's firewall of network {} is in force ({})", networkName, said);
    }
  }

  /** Lists are in one order, or workers of one policy would replace each other's rules for ever. */
  private Map<String, String> set() throws EngineException {
    EngineFacts facts = EngineFacts.read(calls);
    Bridge bridge = bridge();
    String asked = String.join(",", resolvers.get(job -> run(job, facts)));
    List<String> both =
        List.of(
            "ZCBOT_SUBNETS=" + String.join(",", bridge.subnets()),
            "ZCBOT_DNS=" + (policy.dns() instanceof Dns.Off ? "off" : "on"),
            "ZCBOT_FLOW_RATE=" + policy.traffic().newFlowsPerSecond(),
            "ZCBOT_BANDWIDTH=" + policy.traffic().bytesPerSecond());
    List<String> rules = new ArrayList<>(both);
    rules.add("ZCBOT_RESOLVERS=" + NetworkPolicy.sorted(asked));
    rules.add("ZCBOT_BRIDGE=" + bridge.device());
    rules.add("ZCBOT_EGRESS=" + NetworkPolicy.sorted(policy.egress().text()));
    rules.add("ZCBOT_PG_IPS=" + NetworkPolicy.sorted(String.join(",", policy.pgIps())));
    rules.add("ZCBOT_SMTP=" + (policy.traffic().smtp() ? "on" : "off"));
    rules.add("ZCBOT_POLICY=" + policy.hash());
    rules.add("ZCBOT_OWNER=" + workerId);
    List<String> inside = new ArrayList<>(both);
    inside.add("ZCBOT_RESOLVERS=" + asked);
    inside.add("ZCBOT_FLOWS=" + policy.traffic().flows());
    sealRules = List.copyOf(inside);
    List<String> wanted = List.copyOf(rules);
    Map<String, String> said = run(new FirewallHelper.Job.SetRules(wanted), facts);
    environment = wanted;
    return said;
  }

  /**
   * Watches the rules that were set last. Blocks; called by {@link RulesWatch}.
   *
   * @return the helper's result when it ended; null if other rules have been set, or none yet
   */
  @Nullable Verdict watch() throws EngineException {
    List<String> watched = environment;
    return watched == null
        ? null
        : helper.watch(
            new FirewallHelper.Job.WatchRules(watched),
            EngineFacts.read(calls),
            () -> !watched.equals(environment));
  }

  /** Whether the spec has rules on the host. */
  boolean isWanted() {
    return policy.rulesOnHost();
  }

  /** Returns the network's bridge; creates the network again if it was removed. */
  private Bridge bridge() throws EngineException {
    network.ensure();
    try {
      return network.bridge();
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT) {
        throw e;
      }
    }
    network.forget();
    network.ensure();
    return network.bridge();
  }

  private Map<String, String> run(FirewallHelper.Job job, EngineFacts facts)
      throws EngineException {
    try {
      return helper.run(job, facts);
    } catch (EngineException e) {
      if (e.kind() != Kind.IMAGE_MISSING) {
        throw e;
      }
      if (!ImagePull.isByDigest(image)) {
        throw EngineErrors.exception(
            Kind.IMAGE_MISSING,
            Operation.FIREWALL,
            "the engine does not have the image "
                + image
                + ", which may change the host's network and so is not pulled by a name that can be"
                + " given to another image",
            ADVICE,
            e);
      }
    }
    pull.run();
    return helper.run(job, facts);
  }
}
