/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.whatif.SupposedHost.Running;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;

/** All hosts with the same supposed settings, while a log happens to them. */
final class SupposedFleet {
  private static final double HOUR = 3_600_000;

  private final Supposed settings;
  private final Map<String, SupposedHost> hosts = new HashMap<>();

  /** Who has the sandbox of each user who has one. */
  private final Map<UserId, SupposedHost> hostOf = new HashMap<>();

  /** When to look at each sandbox; it may have been used since. */
  private final PriorityQueue<Expiry> expiries =
      new PriorityQueue<>(Comparator.comparingLong(Expiry::at));

  private final Timeline timeline = new Timeline();
  private long claims;
  private long creates;
  private long refusals;
  private long evictions;
  private double sandboxMillis;
  private int running;
  private int peak;
  private long now = Long.MIN_VALUE;

  private record Expiry(long at, SupposedHost host, Running sandbox) {}

  SupposedFleet(Supposed settings) {
    this.settings = settings;
  }

  /**
   * The next thing happens. Times do not go back.
   *
   * @param slotMillis what making a slot takes by now
   */
  void accept(Happening event, long slotMillis) {
    passTo(event.at());
    switch (event) {
      case Happening.Need need -> need(need, slotMillis);
      case Happening.Use use -> use(use.user(), 0);
      case Happening.Begin begin -> {
        String worker = begin.worker();
        if (worker != null && !hostOf.containsKey(begin.user())) {
          need(new Happening.Need(begin.at(), begin.user(), worker, null, false), slotMillis);
        }
        use(begin.user(), 1);
      }
      case Happening.End end -> use(end.user(), -1);
      case Happening.Gone gone -> {
        SupposedHost host = hostOf.remove(gone.user());
        if (host != null) {
          end(host, gone.user());
        }
      }
    }
  }

  private void need(Happening.Need need, long slotMillis) {
    SupposedHost host =
        hosts.computeIfAbsent(need.worker(), _ -> new SupposedHost(settings, slotMillis, now));
    SupposedHost before = hostOf.get(need.user());
    if (before == host) {
      if (need.ttl() != null) {
        Objects.requireNonNull(host.running(need.user())).ttl = ttl(need).toMillis();
      }
      use(need.user(), 0);
      return;
    }
    if (before == null && need.isKnown()) {
      return; // It was refused.
    }
    if (before != null) {
      end(before, need.user());
      hostOf.remove(need.user());
    }
    host.advance(now, slotMillis);
    UserId evicted = host.isFull() ? host.evict(now) : null;
    if (evicted != null) {
      hostOf.remove(evicted);
      evictions++;
      running--;
    }
    switch (host.make(need.user(), ttl(need).toMillis(), now)) {
      case CLAIMED -> {
        claims++;
        running++;
      }
      case CREATED -> {
        creates++;
        running++;
        timeline.created(now);
      }
      case REFUSED -> {
        refusals++;
        timeline.refused(now);
        return;
      }
    }
    peak = Math.max(peak, running);
    timeline.run(now, running);
    Running made = Objects.requireNonNull(host.running(need.user()));
    hostOf.put(need.user(), host);
    watch(host, made);
  }

  private void watch(SupposedHost host, Running sandbox) {
    sandbox.watchedAt = sandbox.expiry();
    expiries.add(new Expiry(sandbox.watchedAt, host, sandbox));
  }

  private Duration ttl(Happening.Need need) {
    Duration given = settings.ttl();
    return given != null ? given : need.ttl() != null ? need.ttl() : settings.usualTtl();
  }

  private void use(UserId user, int commands) {
    SupposedHost host = hostOf.get(user);
    if (host != null) {
      Running sandbox = Objects.requireNonNull(host.running(user));
      sandbox.lastUse = now;
      sandbox.commands = Math.max(0, sandbox.commands + commands);
      if (sandbox.commands == 0 && sandbox.expiry() < sandbox.watchedAt) {
        watch(host, sandbox);
      }
    }
  }

  private void end(SupposedHost host, UserId user) {
    host.remove(user, now);
    running--;
    timeline.run(now, running);
  }

  /** Sandboxes that are idle until then are reaped. */
  private void passTo(long to) {
    for (Expiry next = expiries.peek(); next != null && next.at() <= to; next = expiries.peek()) {
      expiries.remove();
      Running sandbox = next.host().running(next.sandbox().user);
      if (sandbox != next.sandbox() || sandbox.watchedAt != next.at()) {
        continue; // It is gone, or was looked at before.
      }
      sandbox.watchedAt = SupposedHost.NEVER;
      if (sandbox.commands > 0) {
        continue; // The end of its command is a use.
      }
      if (sandbox.expiry() > next.at()) {
        watch(next.host(), sandbox);
      } else {
        clock(next.at());
        end(next.host(), sandbox.user);
        hostOf.remove(sandbox.user);
      }
    }
    clock(to);
  }

  private void clock(long to) {
    if (to > now) {
      sandboxMillis += now == Long.MIN_VALUE ? 0 : (double) running * (to - now);
      now = to;
    }
  }

  Outcome end(long at, long slotMillis) {
    passTo(at);
    hosts.values().forEach(host -> host.advance(now, slotMillis));
    timeline.run(now, running);
    return new Outcome(
        settings.name(),
        claims,
        creates,
        refusals,
        evictions,
        sandboxMillis / HOUR,
        hosts.values().stream().mapToDouble(SupposedHost::slotMillis).sum() / HOUR,
        peak,
        timeline);
  }
}
