/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.ContainerNetwork;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.EgressRefusal;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Counts what the proxy for names refused, and logs a line for each with the user whose sandbox has
 * the source address. The proxy limits the lines, and the log those of each user. Used by one
 * thread.
 */
final class EgressRefusals {
  private static final Logger log = LoggerFactory.getLogger(EgressRefusals.class);
  private static final Pattern LINE =
      Pattern.compile(
          "refused (?<source>[0-9.]{7,15}) (?<kind>tls|http|tcp|dns) (?<port>\\d{1,5})"
              + " (?<name>\\S{1,253}) (?<why>[a-z-]{1,40})");
  private static final Pattern SUPPRESSED = Pattern.compile("suppressed (\\d{1,9})");

  private static final Duration HOLD = Duration.ofSeconds(5);

  private final EngineCalls calls;
  private final String network;
  private final String workerId;
  private final SandboxMetrics metrics;
  private final LongSupplier nanoTime;
  private Map<String, String> users = Map.of();
  private long asked;
  private boolean known;

  EgressRefusals(
      EngineCalls calls,
      String network,
      String workerId,
      SandboxMetrics metrics,
      LongSupplier nanoTime) {
    this.calls = calls;
    this.network = network;
    this.workerId = workerId;
    this.metrics = metrics;
    this.nanoTime = nanoTime;
  }

  /** Takes a line of the proxy; others than about refusals are ignored. May ask the engine. */
  void take(String line) {
    Matcher suppressed = SUPPRESSED.matcher(line);
    if (suppressed.matches()) {
      metrics.egressRefused(EgressRefusal.UNKNOWN, Integer.parseInt(suppressed.group(1)));
      return;
    }
    Matcher refused = LINE.matcher(line);
    if (!refused.matches()) {
      return;
    }
    String why = refused.group("why");
    metrics.egressRefused(reason(why), 1);
    String user = user(refused.group("source"));
    try (var _ = MDC.putCloseable("user", user)) {
      log.info(
          "Egress refused: {} to {} on port {} ({})",
          refused.group("kind"),
          refused.group("name"),
          refused.group("port"),
          why);
    }
  }

  private static EgressRefusal reason(String why) {
    for (EgressRefusal reason : EgressRefusal.values()) {
      if (reason.name().equals(why.toUpperCase(Locale.ROOT).replace('-', '_'))) {
        return reason;
      }
    }
    return EgressRefusal.UNKNOWN;
  }

  /** Returns whose sandbox has an address; the address itself if that is not known. */
  private String user(String source) {
    if (!known || nanoTime.getAsLong() - asked >= HOLD.toNanos()) {
      try {
        users = read();
      } catch (EngineException e) {
        log.debug("The users of refused connections are not known", e);
        users = Map.of();
      }
      asked = nanoTime.getAsLong();
      known = true;
    }
    return users.getOrDefault(source, source);
  }

  private Map<String, String> read() throws EngineException {
    List<Container> containers =
        calls.call(
            Operation.LIST,
            engine ->
                engine
                    .docker()
                    .listContainersCmd()
                    .withLabelFilter(
                        Map.of(
                            SandboxLabels.PRODUCT,
                            SandboxLabels.PRODUCT_SANDBOX,
                            SandboxLabels.WORKER,
                            workerId))
                    .exec());
    Map<String, String> read = new HashMap<>();
    for (Container container : containers) {
      String address = address(container);
      String[] names = container.getNames();
      var user =
          SandboxLabels.ownership(
                  container.getLabels(),
                  names == null || names.length == 0 ? null : names[0].substring(1),
                  workerId)
              .user();
      if (address != null && user != null) {
        read.put(address, user.toString());
      }
    }
    return read;
  }

  private @Nullable String address(Container container) {
    var settings = container.getNetworkSettings();
    ContainerNetwork end = settings == null ? null : settings.getNetworks().get(network);
    String address = end == null ? null : end.getIpAddress();
    return address == null ? null : EngineErrors.clean(address);
  }
}
