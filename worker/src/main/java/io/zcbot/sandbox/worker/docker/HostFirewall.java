/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the rules on the sandboxes' bridge in force. They are set before the first container is
 * created, and set again from time to time: that replaces whatever is there in one transaction, so
 * looking and mending are one thing. While they are not known to be in force, nothing is created.
 *
 * <p>Nothing of this is on the way of a create but a look at a timestamp. That the rules hold at
 * this very moment is proved by the sandbox's init from inside, before it says that it is ready.
 */
final class HostFirewall {
  private static final Logger log = LoggerFactory.getLogger(HostFirewall.class);
  private static final Duration RESOLVERS_HOLD = Duration.ofMinutes(5);
  private static final Duration FAILURE_HOLDS = Duration.ofSeconds(2);
  private static final Pattern FOUND = Pattern.compile("\\bfound=(\\w+)");
  private static final Pattern RESOLVERS = Pattern.compile("\\bresolvers=(.*)");
  private static final Pattern ADDRESS = Pattern.compile("[0-9A-Fa-f.:]+");

  private final EngineCalls calls;
  private final SandboxNetwork network;
  private final ImagePull pull;
  private final FirewallHelper helper;
  private final Duration validity;
  private final LongSupplier nanoTime;
  private final SharedAttempts attempts = new SharedAttempts(Operation.FIREWALL);
  private final Map<Guarded, Long> inForce = new ConcurrentHashMap<>();
  private final AtomicLong doubts = new AtomicLong();
  private volatile @Nullable KnownResolvers known;
  private volatile @Nullable PastFailure lastFailure;
  private volatile @Nullable Latest latest;

  HostFirewall(
      EngineCalls calls,
      SandboxNetwork network,
      ImagePull pull,
      DockerEngineSettings settings,
      LongSupplier nanoTime) {
    this.calls = calls;
    this.network = network;
    this.pull = pull;
    this.helper = new FirewallHelper(calls, settings.callTimeout());
    // one late check is no reason to refuse starts, two are
    this.validity = settings.firewallInterval().multipliedBy(2).plus(settings.callTimeout());
    this.nanoTime = nanoTime;
  }

  /**
   * Returns once the rules are known to be in force.
   *
   * @throws EngineException if they can't be set
   */
  void require(SandboxSpec spec, String workerId) throws EngineException {
    if (!spec.policy().rulesOnHost()) {
      return;
    }
    Guarded guarded = Guarded.of(spec);
    Long since = inForce.get(guarded);
    if (since != null && nanoTime.getAsLong() - since <= validity.toNanos()) {
      return;
    }
    PastFailure last = lastFailure;
    if (last != null
        && last.guarded.equals(guarded)
        // the image may have been built since, and pulls are held back already
        && last.failure.kind() != Kind.IMAGE_MISSING
        && nanoTime.getAsLong() - last.at < FAILURE_HOLDS.toNanos()) {
      throw last.failure; // a queue of ensures is no reason to insist
    }
    renew(spec, workerId);
  }

  /** Removes the helpers of an earlier life and sets the rules for the first time. */
  void begin(SandboxSpec spec, String workerId) throws EngineException {
    if (spec.policy().rulesOnHost()) {
      latest = new Latest(spec, workerId);
      helper.removeLeftovers(workerId);
      renew(spec, workerId);
    }
  }

  /** Sets the rules again, if there are any to set. What goes wrong is told by {@link #problem}. */
  void check() {
    Latest guarded = latest;
    if (guarded == null) {
      return;
    }
    try {
      renew(guarded.spec, guarded.workerId);
    } catch (EngineException e) {
      log.warn("The host's firewall is not in force, no sandbox is started: {}", e.getMessage());
    }
  }

  /** The rules may be gone: the next create, or check, sets them before anything else. */
  void doubt() {
    doubts.incrementAndGet();
    inForce.clear();
    known = null;
    lastFailure = null;
  }

  /** Why the rules are not known to be in force; null if they are or none are wanted. */
  @Nullable String problem() {
    Latest guarded = latest;
    if (guarded == null) {
      return null;
    }
    Long since = inForce.get(Guarded.of(guarded.spec));
    if (since != null) {
      long age = nanoTime.getAsLong() - since;
      return age <= validity.toNanos()
          ? null
          : "the rules were last seen in force " + TimeUnit.NANOSECONDS.toSeconds(age) + " s ago";
    }
    PastFailure last = lastFailure;
    return last == null ? "being looked at" : last.failure.getMessage();
  }

  private void renew(SandboxSpec spec, String workerId) throws EngineException {
    Guarded guarded = Guarded.of(spec);
    latest = new Latest(spec, workerId);
    attempts.run(guarded.toString(), () -> renew(guarded, spec, workerId));
  }

  private void renew(Guarded guarded, SandboxSpec spec, String workerId) throws EngineException {
    long began = nanoTime.getAsLong();
    long doubtsBefore = doubts.get();
    boolean expected = inForce.containsKey(guarded);
    try {
      String said = set(spec, workerId);
      if (doubts.get() == doubtsBefore) { // else perhaps set before what the doubt is about
        inForce.put(guarded, began);
      }
      lastFailure = null;
      tell(spec, said, expected);
    } catch (EngineException e) {
      inForce.remove(guarded);
      lastFailure = new PastFailure(guarded, nanoTime.getAsLong(), e);
      throw e;
    }
  }

  private static void tell(SandboxSpec spec, String said, boolean expected) {
    Matcher matcher = FOUND.matcher(said);
    String found = matcher.find() ? String.valueOf(matcher.group(1)) : "";
    if (expected && !found.equals("same")) {
      log.warn(
          "The host's firewall of network {} was {}; it is in force again ({})",
          spec.network(),
          found.equals("none") ? "gone" : "changed",
          said);
    } else if (!expected) {
      log.info("The host's firewall of network {} is in force ({})", spec.network(), said);
    }
  }

  private String set(SandboxSpec spec, String workerId) throws EngineException {
    EngineFacts facts = EngineFacts.read(calls);
    Bridge bridge = bridge(spec.network());
    NetworkPolicy policy = spec.policy();
    return run(
        new FirewallHelper.Job.SetRules(
            List.of(
                "ZCBOT_BRIDGE=" + bridge.device(),
                "ZCBOT_SUBNETS=" + String.join(",", bridge.subnets()),
                "ZCBOT_RESOLVERS=" + String.join(",", resolvers(spec, workerId, facts)),
                "ZCBOT_DNS=" + (policy.dns() instanceof Dns.Off ? "off" : "on"),
                "ZCBOT_EGRESS=" + policy.egress().text(),
                "ZCBOT_PG_IPS=" + String.join(",", policy.pgIps()),
                "ZCBOT_POLICY=" + policy.hash(),
                "ZCBOT_OWNER=" + workerId)),
        spec,
        workerId,
        facts);
  }

  /** Where the network is, made again if somebody removed it. */
  private Bridge bridge(String name) throws EngineException {
    network.ensure(name);
    try {
      return network.bridge(name);
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT) {
        throw e;
      }
    }
    network.forget();
    network.ensure(name);
    return network.bridge(name);
  }

  private List<String> resolvers(SandboxSpec spec, String workerId, EngineFacts facts)
      throws EngineException {
    return switch (spec.policy().dns()) {
      case Dns.Off _ -> List.of();
      case Dns.Resolvers resolvers -> resolvers.addresses();
      case Dns.EngineDefault _ -> {
        KnownResolvers last = known;
        if (last != null
            && last.network.equals(spec.network())
            && nanoTime.getAsLong() - last.at < RESOLVERS_HOLD.toNanos()) {
          yield last.addresses;
        }
        String said = run(new FirewallHelper.Job.Resolvers(spec.network()), spec, workerId, facts);
        Matcher matcher = RESOLVERS.matcher(said);
        String list = matcher.find() ? String.valueOf(matcher.group(1)) : "";
        List<String> addresses =
            List.of(list.split(" ")).stream()
                // a scope is of no use in a rule, host(...) is asked from elsewhere
                .map(address -> address.replaceFirst("%.*", ""))
                .filter(address -> ADDRESS.matcher(address).matches())
                .filter(address -> !address.startsWith("127."))
                .distinct()
                .toList();
        known = new KnownResolvers(spec.network(), nanoTime.getAsLong(), addresses);
        yield addresses;
      }
    };
  }

  private String run(FirewallHelper.Job job, SandboxSpec spec, String workerId, EngineFacts facts)
      throws EngineException {
    try {
      return helper.run(job, spec.image(), workerId, facts);
    } catch (EngineException e) {
      if (e.kind() != Kind.IMAGE_MISSING) {
        throw e;
      }
    }
    pull.run(spec.image());
    return helper.run(job, spec.image(), workerId, facts);
  }

  /** Rules that are set as one. */
  private record Guarded(String network, String policy) {
    static Guarded of(SandboxSpec spec) {
      return new Guarded(spec.network(), spec.policy().hash());
    }
  }

  private record Latest(SandboxSpec spec, String workerId) {}

  private record KnownResolvers(String network, long at, List<String> addresses) {}

  private record PastFailure(Guarded guarded, long at, EngineException failure) {}
}
