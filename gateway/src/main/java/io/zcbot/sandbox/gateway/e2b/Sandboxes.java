/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.client.ClientOverloadedException;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.EnsureOptions;
import io.zcbot.sandbox.client.InvalidRequestException;
import io.zcbot.sandbox.client.KafkaUnreachableException;
import io.zcbot.sandbox.client.NoAnswerException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxFailedException;
import io.zcbot.sandbox.client.SandboxTable;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The sandboxes that gateways made: looked up in the table of current sandboxes, changed by ensures
 * and releases. What was changed is in the table, for every gateway, when the change is answered.
 * Safe for concurrent use.
 */
final class Sandboxes {
  /** How long the making of a sandbox may take. */
  private static final Duration MAKING = Duration.ofSeconds(55);

  /** Workers usually allow no shorter idle TTL. A sandbox whose end comes sooner ends then. */
  private static final Duration SHORTEST_IDLE = Duration.ofSeconds(10);

  /** How long the end of a sandbox may take. */
  private static final Duration ENDING = Duration.ofSeconds(30);

  /** How long a look at the table may wait for the brokers. */
  private static final Duration LOOK = Duration.ofSeconds(5);

  /** How long after an answer the table may follow. */
  private static final Duration FOLLOWING = Duration.ofSeconds(5);

  private final SandboxClient client;
  private final SandboxTable table;
  private final Brokers brokers;

  Sandboxes(SandboxClient client, SandboxTable table, Brokers brokers) {
    this.client = client;
    this.table = table;
    this.brokers = brokers;
  }

  /** Returns what tells whether brokers answer. */
  Brokers brokers() {
    return brokers;
  }

  /** Returns access to a user's sandbox. */
  Sandbox of(UserId user) {
    return client.sandbox(user);
  }

  /**
   * Returns a sandbox as the table has it; reads on in the table only if it is not there yet.
   *
   * @throws E2bException with 503 if the brokers don't answer
   */
  Optional<SandboxView> known(UserId user) {
    Optional<SandboxView> known = table.get(user).flatMap(SandboxView::of);
    return known.isPresent() ? known : current(user);
  }

  /** Returns a sandbox as it is in the table now. */
  Optional<SandboxView> current(UserId user) {
    readOn();
    return table.get(user).flatMap(SandboxView::of);
  }

  /** Returns all of a tenant's sandboxes. */
  List<SandboxView> current(String tenant) {
    readOn();
    return known(tenant);
  }

  /** Returns those of a tenant's sandboxes that are known without reading on. */
  List<SandboxView> known(String tenant) {
    return table.all().stream()
        .flatMap(entry -> SandboxView.of(entry).stream())
        .filter(view -> view.tenant().equals(tenant))
        .toList();
  }

  /** Returns all sandboxes that gateways made and that are known without reading on. */
  List<SandboxView> known() {
    return table.all().stream().flatMap(entry -> SandboxView.of(entry).stream()).toList();
  }

  /** Refuses another sandbox if a key allows no more. */
  void checkLimit(ApiKey key) {
    if (key.maxSandboxes() > 0 && current(key.tenant()).size() >= key.maxSandboxes()) {
      throw new E2bException(
          429,
          "this key allows " + key.maxSandboxes() + " sandboxes at once; end one, or wait",
          10);
    }
  }

  private void readOn() {
    try {
      if (!table.awaitCurrent(LOOK)) {
        throw Brokers.away();
      }
    } catch (InterruptedException e) {
      throw stopping();
    }
  }

  /** Makes a sandbox, or gives an existing one of the same user new labels and another end. */
  SandboxView create(UserId user, Map<String, String> labels, Duration life) {
    Instant endsAt = Instant.now().plus(life).truncatedTo(ChronoUnit.MILLIS);
    EnsureOptions options =
        EnsureOptions.DEFAULT
            .within(MAKING)
            .withIdleTtl(idleTtl(life))
            .withLabels(labels)
            .withEndsAt(endsAt);
    CurrentSandbox before = table.get(user).orElse(null);
    Ready ready = ensure(user, options);
    return awaitEntry(user, ready, before, endsAt)
        .orElseThrow(() -> new E2bException(503, "the sandbox ended as soon as it was made", 1));
  }

  /**
   * Moves the end of a sandbox.
   *
   * @return what it is then; empty if it has ended
   */
  Optional<SandboxView> moveEnd(SandboxView sandbox, Instant end) {
    Instant endsAt = end.truncatedTo(ChronoUnit.MILLIS);
    Duration life = Duration.between(Instant.now(), endsAt).plusSeconds(1);
    CurrentSandbox before = table.get(sandbox.user()).orElse(null);
    Ready ready =
        ensure(
            sandbox.user(),
            EnsureOptions.DEFAULT.within(MAKING).withIdleTtl(idleTtl(life)).withEndsAt(endsAt));
    if (!ready.containerId().equals(sandbox.containerId())) {
      // It ended meanwhile, so that this made another one, which nobody knows.
      boolean _ = kill(sandbox.user());
      return Optional.empty();
    }
    return awaitEntry(sandbox.user(), ready, before, endsAt);
  }

  private static Duration idleTtl(Duration life) {
    return life.compareTo(SHORTEST_IDLE) < 0 ? SHORTEST_IDLE : life;
  }

  /** Ends a sandbox. Returns whether there was one. */
  boolean kill(UserId user) {
    try {
      boolean isEnded = brokers.use(() -> of(user).release(ENDING)).isPresent();
      boolean isGone = await(() -> table.get(user).isEmpty(), Duration.ofSeconds(isEnded ? 5 : 1));
      if (!isGone && !isEnded) {
        throw new E2bException(503, "the sandbox has not ended yet; try again", 1);
      }
      return isEnded;
    } catch (InterruptedException e) {
      throw stopping();
    } catch (SandboxException e) {
      throw unavailable(e);
    }
  }

  private Ready ensure(UserId user, EnsureOptions options) {
    try {
      return brokers.use(() -> of(user).ensure(options));
    } catch (InterruptedException e) {
      throw stopping();
    } catch (InvalidRequestException e) {
      throw new E2bException(400, String.valueOf(e.getMessage()));
    } catch (SandboxFailedException e) {
      if (e.reason() == Failed.Reason.REJECTED) {
        throw new E2bException(400, String.valueOf(e.getMessage()));
      }
      throw new E2bException(503, String.valueOf(e.getMessage()), 1);
    } catch (SandboxException e) {
      throw unavailable(e);
    }
  }

  /**
   * Waits until the table has what a worker answered, or what others changed since. Empty if the
   * sandbox is gone again.
   *
   * @param before what the table had before; null if nothing
   */
  private Optional<SandboxView> awaitEntry(
      UserId user, Ready ready, @Nullable CurrentSandbox before, Instant endsAt) {
    BooleanSupplier isThere =
        () ->
            made(user, ready)
                .filter(
                    entry ->
                        endsAt.equals(entry.endsAt())
                            || (!entry.equals(before)
                                && entry.endsAt() != null
                                && entry.endsAt().isAfter(endsAt)))
                .isPresent();
    try {
      boolean _ = await(isThere, FOLLOWING);
      return made(user, ready).flatMap(SandboxView::of);
    } catch (InterruptedException e) {
      throw stopping();
    }
  }

  private Optional<CurrentSandbox> made(UserId user, Ready ready) {
    return table.get(user).filter(entry -> entry.container().id().equals(ready.containerId()));
  }

  /** Waits until something is true of the table. */
  private boolean await(BooleanSupplier condition, Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    while (!condition.getAsBoolean()) {
      Duration left = Duration.ofNanos(end - System.nanoTime());
      if (!left.isPositive()) {
        return false;
      }
      if (table.awaitCurrent(left) && !condition.getAsBoolean()) {
        Thread.sleep(2); // its record is not written yet
      }
    }
    return true;
  }

  /** Returns what a failure of Kafka is for a client: it may try again. */
  static E2bException unavailable(SandboxException e) {
    String text = String.valueOf(e.getMessage());
    if (e instanceof KafkaUnreachableException || e instanceof NoAnswerException) {
      return new E2bException(503, text, 1);
    }
    if (e instanceof ClientOverloadedException) {
      return new E2bException(429, text, 1);
    }
    if (e instanceof CommandNotStartedException failed) {
      return failed.reason() == Exited.Reason.NO_SANDBOX
          ? new E2bException(404, "the sandbox doesn't exist any more")
          : new E2bException(failed.isRetryable() ? 429 : 400, text, 1);
    }
    return new E2bException(500, text);
  }

  static E2bException stopping() {
    Thread.currentThread().interrupt();
    return new E2bException(503, "the gateway is stopping", 1);
  }
}
