/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.base.Threads;
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
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.time.Duration;
import java.time.Instant;
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
public final class HostFirewall implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HostFirewall.class);
  private static final int MOST_ATTEMPTS = 3;

  private static final String ADVICE =
      "build it (docker build -t zcbot-firewall:latest -f sandbox-image/firewall.Dockerfile"
          + " sandbox-image), or name another in ZCBOT_FIREWALL_IMAGE";

  private static final String EGRESS_ADVICE =
      "build it (docker build -t zcbot-egress:latest -f sandbox-image/egress.Dockerfile"
          + " sandbox-image), or name another in ZCBOT_EGRESS_IMAGE";

  /** Stands for every name, and for the resolver of names (sandbox-image/firewall.sh). */
  private static final String BY_NAME = "198.18.0.1";

  private final EngineCalls calls;
  private final NetworkPolicy policy;
  private final String networkName;
  private final String workerId;
  private final SandboxNetwork network;
  private final ImagePull pull;
  private final String image;
  private final FirewallHelper helper;
  private final String egressImage;
  private final ImagePull egressPull;
  private final EgressRefusals refusals;
  private final EgressProxy proxy;
  private final Resolvers resolvers;
  private final NamespaceSeal seal;
  private final RulesState state;
  private final SharedAttempts attempts = new SharedAttempts(Operation.FIREWALL);
  private final Leftovers leftovers;
  private volatile boolean tidied;
  private volatile @Nullable List<String> sealRules;
  private volatile @Nullable List<String> environment;

  public HostFirewall(
      EngineCalls calls,
      SandboxSpec spec,
      String workerId,
      SandboxNetwork network,
      Leftovers leftovers,
      DockerEngineSettings settings,
      SandboxMetrics metrics,
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
    this.egressImage = settings.egressImage();
    this.egressPull =
        new ImagePull(calls, egressImage, EGRESS_ADVICE, settings.pullTimeout(), nanoTime);
    this.refusals =
        new EgressRefusals(calls, networkName, workerId, metrics, Instant::now, nanoTime);
    this.proxy =
        new EgressProxy(
            calls,
            helper,
            egressImage,
            workerId,
            networkName,
            settings.readyTimeout(),
            refusals::take,
            this::proxyEnded);
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

  /** Returns what the proxy refused a container last. Does not block. */
  public List<RefusedEgress> refused(String containerId) {
    return refusals.of(containerId);
  }

  /**
   * Returns when the rules are known to be in force; sets them if needed, which blocks.
   *
   * @throws EngineException if they can't be set, or could not be set moments ago
   */
  public void require() throws EngineException {
    if (!policy.rulesOnHost()
        || (state.isInForce() && (policy.byName() == null || proxy.serves()))) {
      return;
    }
    EngineException failure = state.recentFailure();
    if (failure != null) {
      throw failure; // a queue of ensures must not repeat the attempt
    }
    renewUntilUndoubted();
  }

  /**
   * Sets what a running container reaches by name; returns when that is in force. Does nothing if
   * egress does not go by names. A container without an address has ended.
   *
   * @param names of those of the policy; null for all of them
   */
  public void let(String containerId, @Nullable List<String> names) throws EngineException {
    if (policy.byName() == null) {
      return;
    }
    require();
    proxy.let(() -> address(containerId), new EgressPolicy(names));
  }

  private String address(String containerId) throws EngineException {
    return calls.call(
        Operation.INSPECT,
        engine ->
            engine
                .requests()
                .get("/containers/" + containerId + "/json")
                .path("NetworkSettings")
                .path("Networks")
                .path(networkName)
                .path("IPAddress")
                .asText());
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
      if (policy.byName() == null && !tidied) {
        proxy.remove();
        tidied = true;
      }
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
    Egress.ByName byName = policy.byName();
    String asked =
        byName == null ? String.join(",", resolvers.get(job -> run(job, facts))) : BY_NAME;
    List<String> both =
        List.of(
            "ZCBOT_SUBNETS=" + String.join(",", bridge.subnets()),
            "ZCBOT_DNS=" + (policy.dns() instanceof Dns.Off ? "off" : "on"),
            "ZCBOT_FLOW_RATE=" + policy.traffic().newFlowsPerSecond(),
            "ZCBOT_BANDWIDTH=" + policy.traffic().bytesPerSecond());
    List<String> rules = new ArrayList<>(both);
    rules.add("ZCBOT_RESOLVERS=" + (byName == null ? NetworkPolicy.sorted(asked) : ""));
    rules.add("ZCBOT_BRIDGE=" + bridge.device());
    rules.add(
        "ZCBOT_EGRESS="
            + NetworkPolicy.sorted(
                byName == null ? policy.egress().text() : byName.networksText()));
    rules.add("ZCBOT_PG_IPS=" + NetworkPolicy.sorted(String.join(",", policy.pgIps())));
    rules.add("ZCBOT_SMTP=" + (policy.traffic().smtp() ? "on" : "off"));
    // With names, one worker has the network, since one proxy serves at its gateway.
    rules.add(
        "ZCBOT_POLICY="
            + (byName == null ? policy.hash() : SandboxSpec.digest(policy.hash(), workerId)));
    if (byName != null) {
      rules.add("ZCBOT_BY_NAME=on");
    }
    rules.add("ZCBOT_OWNER=" + workerId);
    List<String> inside = new ArrayList<>(both);
    inside.add("ZCBOT_RESOLVERS=" + asked);
    inside.add("ZCBOT_FLOWS=" + policy.traffic().flows());
    sealRules = List.copyOf(inside);
    List<String> wanted = List.copyOf(rules);
    Map<String, String> said = run(new FirewallHelper.Job.SetRules(wanted), facts);
    environment = wanted;
    if (byName != null) {
      serveNames(byName, bridge, facts);
    }
    return said;
  }

  private void serveNames(Egress.ByName byName, Bridge bridge, EngineFacts facts)
      throws EngineException {
    String gateway = bridge.gateway();
    if (gateway == null) {
      throw EngineErrors.exception(
          Kind.FIREWALL,
          Operation.FIREWALL,
          "the network " + networkName + " has no IPv4 gateway, at which names could be served",
          "remove it, so that the worker creates it, or create it without --internal",
          null);
    }
    List<String> settings =
        List.of(
            "ZCBOT_GATEWAY=" + gateway,
            "ZCBOT_NAMES=" + String.join(",", byName.names()),
            "ZCBOT_EGRESS=" + NetworkPolicy.sorted(byName.networksText()),
            "ZCBOT_PG_IPS=" + NetworkPolicy.sorted(String.join(",", policy.pgIps())),
            "ZCBOT_RESOLVERS=" + policy.dns().text());
    var _ =
        pulled(
            egressImage,
            EGRESS_ADVICE,
            egressPull,
            () -> {
              proxy.ensure(settings, facts);
              return true;
            });
  }

  /** Starts another proxy at once; if that fails, the next check or create tries again. */
  private void proxyEnded() {
    doubt();
    Threads.start("egress", this::check);
  }

  /** Ends what reads from the proxy, which runs on. */
  @Override
  public void close() {
    proxy.close();
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
    return pulled(image, ADVICE, pull, () -> helper.run(job, facts));
  }

  /** What needs an image on the engine. */
  private interface OfImage<T> {
    T run() throws EngineException;
  }

  /** Runs something; if its image is missing, pulls that if it is named by its digest. */
  private static <T> T pulled(String image, String advice, ImagePull pull, OfImage<T> action)
      throws EngineException {
    try {
      return action.run();
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
            advice,
            e);
      }
    }
    pull.run();
    return action.run();
  }
}
