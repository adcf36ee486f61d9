/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports that sandboxes are in use. A sandbox is not reported again within a tenth of its idle TTL
 * after it was reported or otherwise used, nor while the last report is being published.
 */
final class KeepAlives {
  private static final Logger log = LoggerFactory.getLogger(KeepAlives.class);

  private static final int MAX_USERS = 50_000;
  private static final Duration LEAST = Duration.ofSeconds(1);

  /** For users whose idle TTL is unknown. By default, workers allow 10 s and more. */
  private static final Duration USUAL = Duration.ofSeconds(3);

  private static final Duration MOST = Duration.ofSeconds(30);

  private final Publisher publisher;
  private final ClientMetrics metrics;
  private final LongSupplier clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<UserId, Use> uses = new LinkedHashMap<>(16, 0.75f, true);
  private final Set<UserId> publishing = new HashSet<>();

  private record Use(long at, Duration interval) {}

  KeepAlives(Publisher publisher, ClientMetrics metrics, LongSupplier clock) {
    this.publisher = publisher;
    this.metrics = metrics;
    this.clock = clock;
  }

  /**
   * Notes that a sandbox was used in a way that workers see.
   *
   * @param idleTtl how long the sandbox may be unused before it is reaped
   */
  void used(UserId user, Duration idleTtl) {
    Duration tenth = idleTtl.dividedBy(10);
    Duration interval = tenth.compareTo(MOST) > 0 ? MOST : tenth;
    put(user, interval.compareTo(LEAST) < 0 ? LEAST : interval);
  }

  private void put(UserId user, Duration interval) {
    lock.lock();
    try {
      uses.put(user, new Use(clock.getAsLong(), interval));
      if (uses.size() > MAX_USERS) {
        uses.remove(uses.keySet().iterator().next());
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether a report is due. If so, it counts as made. */
  private boolean begin(UserId user) {
    lock.lock();
    try {
      Use last = uses.get(user);
      boolean isDue =
          (last == null || clock.getAsLong() - last.at >= last.interval.toNanos())
              && publishing.add(user);
      if (isDue) {
        put(user, last == null ? USUAL : last.interval);
      }
      return isDue;
    } finally {
      lock.unlock();
    }
  }

  private void ended(UserId user, @Nullable Exception failure) {
    if (failure != null) {
      log.warn("the use of {}'s sandbox could not be reported: {}", user, failure.getMessage());
    }
    lock.lock();
    try {
      publishing.remove(user);
      if (failure != null) {
        uses.remove(user);
      }
    } finally {
      lock.unlock();
    }
  }

  void report(UserId user, String source) {
    boolean isDue = begin(user);
    metrics.activity(isDue);
    if (isDue) {
      Activity activity =
          new Activity(UUID.randomUUID().toString(), user, Connection.now(), source);
      try {
        publisher.publishLater(activity, (metadata, e) -> ended(user, e));
      } catch (SandboxException e) {
        ended(user, e);
        throw e;
      }
    }
  }
}
