/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds the sandbox whose token signed a path. A signature names none, so those of all sandboxes
 * are made until one is the same. Anybody can cause that, so one search runs at a time, and after
 * one that found nothing none begins for ten times as long. Safe for concurrent use.
 */
final class SignedPaths {
  private static final long TURN_SECONDS = 1;
  private static final int REST = 10;
  private static final Duration LONGEST_REST = Duration.ofSeconds(1);

  private final Supplier<Collection<CurrentSandbox>> sandboxes;
  private final AccessTokens tokens;
  private final Function<String, @Nullable Instant> revokedAt;
  private final Semaphore turn = new Semaphore(1, true);

  /** The tokens of the last search. For whose turn it is. */
  private Map<UserId, Token> known = new HashMap<>();

  private record Token(String containerId, @Nullable Instant revokedAt, String text) {}

  /**
   * @param revokedAt when a key of a tenant was revoked last; null if none was
   */
  SignedPaths(
      Supplier<Collection<CurrentSandbox>> sandboxes,
      AccessTokens tokens,
      Function<String, @Nullable Instant> revokedAt) {
    this.sandboxes = sandboxes;
    this.tokens = tokens;
    this.revokedAt = revokedAt;
  }

  /**
   * Returns the sandbox.
   *
   * @param begun of {@link Signatures#begun}
   * @throws E2bException with 429 if others search
   */
  Optional<SandboxView> find(String signature, MessageDigest begun, @Nullable String expiration)
      throws InterruptedException {
    if (!Signatures.isPossible(signature, expiration)) {
      return Optional.empty();
    }
    if (!turn.tryAcquire(TURN_SECONDS, TimeUnit.SECONDS)) {
      throw new E2bException(
          429, "too many signed paths name no sandbox; name it by the host or in a header", 1);
    }
    try {
      long startedAt = System.nanoTime();
      Optional<SandboxView> found = search(signature, begun, expiration);
      if (found.isEmpty()) {
        long rest = REST * (System.nanoTime() - startedAt);
        TimeUnit.NANOSECONDS.sleep(Math.min(rest, LONGEST_REST.toNanos()));
      }
      return found;
    } finally {
      turn.release();
    }
  }

  private Optional<SandboxView> search(
      String signature, MessageDigest begun, @Nullable String expiration) {
    Map<UserId, Token> tried = new HashMap<>();
    Optional<SandboxView> found = Optional.empty();
    for (CurrentSandbox entry : sandboxes.get()) {
      String tenant = SandboxView.tenant(entry);
      if (tenant == null) {
        continue;
      }
      String token = token(entry, revokedAt.apply(tenant), tried);
      if (found.isEmpty()
          && AccessTokens.areEqual(signature, Signatures.of(begun, token, expiration))) {
        found = SandboxView.of(entry);
      }
    }
    known = tried; // those of sandboxes that have ended are left out
    return found;
  }

  private String token(CurrentSandbox entry, @Nullable Instant revoked, Map<UserId, Token> tried) {
    String container = entry.container().id();
    Token token = known.get(entry.userId());
    if (token == null
        || !token.containerId().equals(container)
        || !Objects.equals(token.revokedAt(), revoked)) {
      String text = tokens.of(SandboxId.of(entry.userId()), container, revoked);
      token = new Token(container, revoked, text);
    }
    tried.put(entry.userId(), token);
    return token.text();
  }
}
