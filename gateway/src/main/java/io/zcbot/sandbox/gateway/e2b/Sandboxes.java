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
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sandboxes that gateways made: looked up in the table of current sandboxes, changed by ensures
 * and releases. What was changed is in the table, for every gateway, when the change is answered.
 * Safe for concurrent use.
 */
final class Sandboxes {
  private static final Logger log = LoggerFactory.getLogger(Sandboxes.class);

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

  /** The tenants of users whose sandboxes this makes. Guarded by itself. */
  private final Map<UserId, String> making = new HashMap<>();

  Sandboxes(SandboxClient client, SandboxTable table, Brokers brokers) {
    this.client = client;
    this.table = table;
    this.brokers = brokers;
  }

  /** Returns what tells whether brokers answer. */
  Brokers brokers() {
    return brokers;
  }

  /** Returns access to a sandbox. What it is used for counts for its tenant. */
  Sandbox of(SandboxView sandbox) {
    return of(sandbox.tenant(), sandbox.user());
  }

  /** Returns access to the sandbox of a tenant's user. */
  Sandbox of(String tenant, UserId user) {
    return client.sandbox(user, tenant);
  }

  /** Returns a sandbox as the table has it, without reading on. */
  Optional<SandboxView> known(UserId user) {
    return looked(() -> table.get(user)).flatMap(SandboxView::of);
  }

  /**
   * Returns a sandbox as it is in the table now.
   *
   * @throws E2bException with 503 if the brokers don't answer
   */
  Optional<SandboxView> current(UserId user) {
    readOn();
    return known(user);
  }

  /** Returns all of a tenant's sandboxes. */
  List<SandboxView> current(String tenant) {
    readOn();
    return known(tenant);
  }

  /** Returns those of a tenant's sandboxes that are known without reading on. */
  List<SandboxView> known(String tenant) {
    return entries().stream()
        .filter(entry -> tenant.equals(SandboxView.tenant(entry)))
        .flatMap(entry -> SandboxView.of(entry).stream())
        .toList();
  }

  /** Returns the table's entries that are known without reading on, those of others as well. */
  Collection<CurrentSandbox> entries() {
    return looked(table::all);
  }

  /** Makes a sandbox while it counts as its tenant's, unless the key allows no more. */
  private <T> T within(ApiKey key, UserId user, boolean isGone, Supplier<T> make) {
    boolean isNew = isGone || key.maxSandboxes() == 0 || current(user).isEmpty();
    boolean isEntered = false;
    if (isNew) {
      synchronized (making) { // what leaves it is in the table then
        if (key.maxSandboxes() > 0 && !making.containsKey(user)) {
          List<UserId> known = known(key.tenant()).stream().map(SandboxView::user).toList();
          if (others(user, known, making, key.tenant()) >= key.maxSandboxes()) {
            throw new E2bException(
                429,
                "this key allows " + key.maxSandboxes() + " sandboxes at once; end one, or wait",
                10);
          }
        }
        isEntered = making.putIfAbsent(user, key.tenant()) == null;
      }
    }
    try {
      return make.get();
    } finally {
      if (isEntered) {
        synchronized (making) {
          making.remove(user);
        }
      }
    }
  }

  /**
   * Returns how many sandboxes a tenant has besides that of one user, whose entry may be that of
   * one that is gone.
   *
   * @param making the tenants of users whose sandboxes are being made
   */
  static int others(
      UserId user, Collection<UserId> known, Map<UserId, String> making, String tenant) {
    Set<UserId> users = new HashSet<>(known);
    making.forEach(
        (each, whose) -> {
          if (whose.equals(tenant)) {
            users.add(each);
          }
        });
    users.remove(user);
    return users.size();
  }

  private void readOn() {
    boolean isRead =
        looked(
            () -> {
              try {
                return table.awaitCurrent(LOOK);
              } catch (InterruptedException e) {
                throw stopping();
              }
            });
    if (!isRead) {
      throw Brokers.away();
    }
  }

  /** Looks at the table, which the brokers may refuse to show. */
  private static <T> T looked(Supplier<T> look) {
    try {
      return look.get();
    } catch (SandboxException e) {
      throw new E2bException(503, String.valueOf(e.getMessage()), 1);
    }
  }

  /**
   * Makes a sandbox, or gives an existing one of the same user new labels and another end. One of
   * another profile is replaced, unless commands run in it.
   *
   * @param isFresh whether nobody else knows the user, so that a sandbox whose making was not
   *     answered has to be ended
   * @throws E2bException with 429 if the key allows no more
   */
  SandboxView create(
      ApiKey key,
      UserId user,
      boolean isFresh,
      Map<String, String> labels,
      Duration life,
      String profile,
      Network network) {
    return within(
        key,
        user,
        false,
        () -> {
          try {
            return create(key.tenant(), user, labels, life, profile, network);
          } catch (E2bException e) {
            if (isFresh && e.status() >= 500) {
              abandon(user);
            }
            throw e;
          }
        });
  }

  /**
   * Makes a sandbox that ends when it is unused. One that was made meanwhile stays as it is, unless
   * it has another profile.
   *
   * @param profile what it is to be made of; null if that does not matter
   * @param isGone whether it is known that there is none, whatever the table has
   * @throws E2bException with 429 if the key allows no more
   */
  void make(
      ApiKey key,
      UserId user,
      Map<String, String> labels,
      @Nullable String profile,
      boolean isGone) {
    boolean _ =
        within(
            key,
            user,
            isGone,
            () -> {
              EnsureOptions options = EnsureOptions.DEFAULT.within(MAKING);
              if (profile != null) {
                options = options.withProfile(profile);
              }
              // Labels would replace those of a create that is answered in between.
              Ready ready = ensure(key.tenant(), user, options);
              return awaitEntry(user, ready).isPresent()
                  || awaitEntry(user, ensure(key.tenant(), user, options.withLabels(labels)))
                      .isPresent();
            });
  }

  /** Ends a sandbox that may be made, in the background: brokers may be away. */
  private void abandon(UserId user) {
    Thread.ofVirtual()
        .name("abandon")
        .start(
            () -> {
              try {
                client.sandbox(user).release();
              } catch (SandboxException e) {
                log.warn("a sandbox of {} may live until its end: {}", user, e.getMessage());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private SandboxView create(
      String tenant,
      UserId user,
      Map<String, String> labels,
      Duration life,
      String profile,
      Network network) {
    Instant endsAt = Instant.now().plus(life).truncatedTo(ChronoUnit.MILLIS);
    EnsureOptions options =
        EnsureOptions.DEFAULT
            .within(MAKING)
            .withIdleTtl(idleTtl(life))
            .withLabels(labels)
            .withEndsAt(endsAt)
            .withProfile(profile)
            .withNetwork(network);
    return awaitEntry(user, ensure(tenant, user, options))
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
    Ready ready =
        ensure(
            sandbox.tenant(),
            sandbox.user(),
            EnsureOptions.DEFAULT.within(MAKING).withIdleTtl(idleTtl(life)).withEndsAt(endsAt));
    if (!ready.containerId().equals(sandbox.containerId())) {
      if (isUnknown(ready)) {
        boolean _ = kill(sandbox.user());
      }
      return Optional.empty();
    }
    return awaitEntry(sandbox.user(), ready);
  }

  /**
   * Sets what a sandbox may reach; returns false if it has ended.
   *
   * @throws E2bException with 400 if its profile does not allow that
   */
  boolean setNetwork(SandboxView sandbox, Network network) {
    EnsureOptions options = EnsureOptions.DEFAULT.within(MAKING).withNetwork(network);
    Instant end = sandbox.endsAt();
    if (end != null) { // or its idle TTL would become the workers' default
      Duration left = Duration.between(Instant.now(), end).plusSeconds(1);
      options = options.withIdleTtl(idleTtl(left));
    }
    Ready ready = ensure(sandbox.tenant(), sandbox.user(), options);
    if (!ready.containerId().equals(sandbox.containerId())) {
      if (isUnknown(ready)) {
        boolean _ = kill(sandbox.user());
      }
      return false;
    }
    return true;
  }

  /**
   * Returns whether an ensure without labels made a sandbox that nobody knows, because the one that
   * it was for had ended. What was there before is somebody else's.
   */
  static boolean isUnknown(Ready ready) {
    return ready.outcome() != Ready.Outcome.REUSED && ready.labels().isEmpty();
  }

  private static Duration idleTtl(Duration life) {
    return life.compareTo(SHORTEST_IDLE) < 0 ? SHORTEST_IDLE : life;
  }

  /** Ends a sandbox. Returns whether there was one. */
  boolean kill(UserId user) {
    try {
      boolean isEnded = brokers.use(() -> client.sandbox(user).release(ENDING)).isPresent();
      boolean isGone =
          table.await(() -> table.get(user).isEmpty(), Duration.ofSeconds(isEnded ? 5 : 1));
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

  /** Waits until the table knows of a sandbox's end, which its commands know before. */
  void awaitEnd(SandboxView sandbox) throws InterruptedException {
    boolean _ =
        table.await(
            () ->
                table
                    .get(sandbox.user())
                    .filter(entry -> entry.container().id().equals(sandbox.containerId()))
                    .isEmpty(),
            FOLLOWING);
  }

  private Ready ensure(String tenant, UserId user, EnsureOptions options) {
    try {
      return brokers.use(() -> of(tenant, user).ensure(options));
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
   * sandbox is gone again, or has no labels.
   */
  private Optional<SandboxView> awaitEntry(UserId user, Ready ready) {
    if (!SandboxView.isOfGateway(ready.labels())) { // it has no entry, unless it got labels since
      return current(user).filter(view -> view.containerId().equals(ready.containerId()));
    }
    Supplier<Optional<CurrentSandbox>> made =
        () -> table.get(user).filter(e -> e.container().id().equals(ready.containerId()));
    try {
      boolean _ = table.await(() -> made.get().filter(e -> has(e, ready)).isPresent(), FOLLOWING);
      return made.get().flatMap(SandboxView::of);
    } catch (InterruptedException e) {
      throw stopping();
    } catch (SandboxException e) {
      throw unavailable(e);
    }
  }

  /** Returns whether an entry has what a worker answered, or is later. */
  static boolean has(CurrentSandbox entry, Ready ready) {
    return !entry.readyAt().isBefore(ready.readyAt())
        // No entry is written for what changes nothing.
        || (entry.labels().equals(ready.labels())
            && Objects.equals(entry.endsAt(), ready.endsAt())
            && entry.network().equals(ready.network()));
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
