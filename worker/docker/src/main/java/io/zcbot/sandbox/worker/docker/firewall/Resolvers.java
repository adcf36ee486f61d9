/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.Dns;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The DNS resolvers that sandboxes may use. Those that the engine gives its containers are read by
 * a helper and then kept for 5 minutes.
 */
final class Resolvers {
  private static final Logger log = LoggerFactory.getLogger(Resolvers.class);
  private static final Duration HOLD = Duration.ofMinutes(5);
  private static final Pattern ADDRESS = Pattern.compile("[0-9A-Fa-f.:]+");

  private final Dns dns;
  private final String networkName;
  private final LongSupplier nanoTime;
  private volatile @Nullable Known known;

  private record Known(long at, List<String> addresses) {}

  /** Runs a helper and returns the details that it reported, by key. */
  interface HelperRun {
    Map<String, String> run(FirewallHelper.Job job) throws EngineException;
  }

  Resolvers(Dns dns, String networkName, LongSupplier nanoTime) {
    this.dns = dns;
    this.networkName = networkName;
    this.nanoTime = nanoTime;
  }

  /** Makes the next {@link #get} ask the engine again. */
  void forget() {
    known = null;
  }

  /**
   * Returns the resolvers' addresses; empty if sandboxes resolve no names. May block for a helper.
   */
  List<String> get(HelperRun helper) throws EngineException {
    return switch (dns) {
      case Dns.Off _ -> List.of();
      case Dns.Resolvers named -> named.addresses();
      case Dns.EngineDefault _ -> {
        Known last = known;
        if (last == null || nanoTime.getAsLong() - last.at >= HOLD.toNanos()) {
          last = new Known(nanoTime.getAsLong(), ofEngine(helper));
          known = last;
        }
        yield last.addresses;
      }
    };
  }

  private List<String> ofEngine(HelperRun helper) throws EngineException {
    String list =
        helper.run(new FirewallHelper.Job.Resolvers(networkName)).getOrDefault("resolvers", "");
    List<String> addresses =
        List.of(list.split(",")).stream()
            // a rule can't use the scope of an IPv6 address; host(...) is queried from the host's
            // network and dropped below
            .map(address -> address.replaceFirst("%.*", ""))
            .filter(address -> ADDRESS.matcher(address).matches())
            .filter(address -> !address.startsWith("127."))
            .distinct()
            .toList();
    if (addresses.isEmpty()) {
      log.warn(
          "The engine's resolvers can't be reached from the network {}: sandboxes resolve no"
              + " names. Set ZCBOT_SANDBOX_DNS.",
          networkName);
    }
    return addresses;
  }
}
