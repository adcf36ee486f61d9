/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Searches at the same time and changes between them, which no test of a whole gateway can time.
 */
class SignedPathsTest {
  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final AccessTokens TOKENS = new AccessTokens(new byte[32]);

  private volatile Collection<CurrentSandbox> table = List.of();
  private volatile @Nullable Instant revokedAt;
  private volatile CountDownLatch look = new CountDownLatch(0);
  private final CountDownLatch looked = new CountDownLatch(1);

  private final SignedPaths paths =
      new SignedPaths(
          () -> {
            looked.countDown();
            await(look);
            return table;
          },
          TOKENS,
          tenant -> revokedAt);

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static UserId user(int number) {
    return UserId.parse("3f0c1c5e-7f0a-4c3c-9d5b-%012d".formatted(number));
  }

  private static CurrentSandbox entry(int number, String container, Map<String, String> labels) {
    return CurrentSandbox.of(
        new Ready(
            "r",
            user(number),
            "e",
            NOW,
            new ContainerRef("name", container, "host", "worker"),
            Ready.Outcome.CREATED,
            new Ready.Environment("engine", "image", "default", "/w", null),
            1,
            labels,
            null));
  }

  private static CurrentSandbox entry(int number, String container) {
    return entry(number, container, Map.of("gateway.tenant", "one"));
  }

  /** Returns a signature as E2B's clients make it. */
  private static String signature(int number, String container, @Nullable Instant revoked) {
    String token = TOKENS.of(SandboxId.of(user(number)), container, revoked);
    return Signatures.of(Signatures.begun("a.txt", "read", ""), token, null);
  }

  private Optional<UserId> find(String signature) throws InterruptedException {
    return paths
        .find(signature, Signatures.begun("a.txt", "read", ""), null)
        .map(SandboxView::user);
  }

  @Test
  void aSignatureCountsForItsContainerUntilAKeyIsRevoked() throws Exception {
    table = List.of(entry(1, "a"), entry(2, "b"), entry(3, "c", Map.of()));
    assertThat(find(signature(1, "a", null))).contains(user(1));
    assertThat(find(signature(2, "b", null))).contains(user(2));
    assertThat(find(signature(3, "c", null))).as("not a gateway's").isEmpty();
    table = List.of(entry(1, "a"), entry(2, "d"));
    assertThat(find(signature(2, "b", null))).isEmpty();
    assertThat(find(signature(2, "d", null))).contains(user(2));
    revokedAt = NOW;
    assertThat(find(signature(1, "a", null))).isEmpty();
    assertThat(find(signature(1, "a", NOW))).contains(user(1));
    table = List.of(entry(2, "d"));
    assertThat(find(signature(1, "a", NOW))).isEmpty();
  }

  @Test
  void whatNoTokenMakesIsNotSearchedFor() throws Exception {
    String possible = signature(1, "a", null);
    assertThat(find("v1_y")).isEmpty();
    assertThat(find(possible + "A")).isEmpty();
    assertThat(find(possible.replace("v1_", "v2_"))).isEmpty();
    assertThat(paths.find(possible, Signatures.begun("a.txt", "read", ""), "1".repeat(3000)))
        .isEmpty();
    assertThat(looked.getCount()).as("looks at the table").isOne();
  }

  @Test
  void oneSearchRunsAtATime() throws Exception {
    table = List.of(entry(1, "a"));
    look = new CountDownLatch(1);
    FutureTask<Optional<UserId>> first = new FutureTask<>(() -> find(signature(1, "a", null)));
    Thread.ofVirtual().start(first);
    await(looked);
    assertThatThrownBy(() -> find(signature(1, "a", null)))
        .isInstanceOfSatisfying(
            E2bException.class,
            e -> {
              assertThat(e.status()).isEqualTo(429);
              assertThat(e.retryAfter()).isPositive();
            });
    look.countDown();
    assertThat(first.get(60, TimeUnit.SECONDS)).contains(user(1));
    assertThat(find(signature(1, "a", null))).contains(user(1));
  }
}
