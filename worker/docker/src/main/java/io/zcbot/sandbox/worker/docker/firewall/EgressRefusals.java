/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.ContainerNetwork;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.EgressRefusal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Counts what the proxy for names refused, and logs a line for each with the user whose sandbox has
 * the source address, and keeps the last of each container. The proxy limits the lines, and the log
 * those of each user. Lines are taken by one thread; any may read.
 */
final class EgressRefusals {
  private static final Logger log = LoggerFactory.getLogger(EgressRefusals.class);
  private static final Pattern LINE =
      Pattern.compile(
          "refused (?<source>[0-9.]{7,15}) (?<kind>tls|http|tcp|dns) (?<port>\\d{1,5})"
              + " (?<name>\\S{1,253}) (?<why>[a-z-]{1,40})");
  private static final Pattern SUPPRESSED = Pattern.compile("suppressed (\\d{1,9})");

  /** How long it is known whose an address is, since another sandbox may have it later. */
  private static final Duration HOLD = Duration.ofSeconds(1);

  /** The same of an address that nobody had, since a sandbox may have begun with it. */
  private static final Duration HOLD_UNKNOWN = Duration.ofMillis(200);

  private static final int MOST_CONTAINERS = 1024;

  /** Whose sandbox has an address. */
  private record Source(String containerId, String user) {}

  private final EngineCalls calls;
  private final String network;
  private final String workerId;
  private final SandboxMetrics metrics;
  private final Supplier<Instant> clock;
  private final LongSupplier nanoTime;

  /** By container, those that were refused something last; guarded by itself. */
  private final Map<String, List<RefusedEgress>> last =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, List<RefusedEgress>> eldest) {
          return size() > MOST_CONTAINERS;
        }
      };

  private Map<String, Source> sources = Map.of();
  private long asked;
  private boolean known;

  EgressRefusals(
      EngineCalls calls,
      String network,
      String workerId,
      SandboxMetrics metrics,
      Supplier<Instant> clock,
      LongSupplier nanoTime) {
    this.calls = calls;
    this.network = network;
    this.workerId = workerId;
    this.metrics = metrics;
    this.clock = clock;
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
    Source source = source(refused.group("source"));
    if (source != null) {
      keep(source.containerId, refused);
    }
    String user = source == null ? refused.group("source") : source.user;
    try (var _ = MDC.putCloseable("user", user)) {
      log.info(
          "Egress refused: {} to {} on port {} ({})",
          refused.group("kind"),
          refused.group("name"),
          refused.group("port"),
          why);
    }
  }

  /** Returns the last of a container, oldest first. Does not block. */
  List<RefusedEgress> of(String containerId) {
    synchronized (last) {
      return last.getOrDefault(containerId, List.of());
    }
  }

  private void keep(String containerId, Matcher line) {
    String name = line.group("name");
    RefusedEgress refused =
        new RefusedEgress(
            clock.get().truncatedTo(ChronoUnit.MILLIS),
            line.group("kind"),
            name.equals("-") ? null : name,
            Integer.parseInt(line.group("port")),
            line.group("why"));
    synchronized (last) {
      List<RefusedEgress> all = last.remove(containerId);
      List<RefusedEgress> kept = all == null ? new ArrayList<>() : new ArrayList<>(all);
      kept.removeIf(refused::isLike);
      kept.add(refused);
      last.put(
          containerId,
          List.copyOf(kept.subList(Math.max(0, kept.size() - RefusedEgress.MOST), kept.size())));
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

  /** Returns whose sandbox has an address; null if that is not known. */
  private @Nullable Source source(String address) {
    Duration hold = sources.containsKey(address) ? HOLD : HOLD_UNKNOWN;
    if (!known || nanoTime.getAsLong() - asked >= hold.toNanos()) {
      try {
        sources = read();
      } catch (EngineException e) {
        log.debug("The users of refused connections are not known", e);
        sources = Map.of();
      }
      asked = nanoTime.getAsLong();
      known = true;
    }
    return sources.get(address);
  }

  private Map<String, Source> read() throws EngineException {
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
    Map<String, Source> read = new HashMap<>();
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
        read.put(address, new Source(container.getId(), user.toString()));
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
