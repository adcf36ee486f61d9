/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.init.FailureCode;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(90)
class RulesWatchTest {
  private static final Duration PAUSE = Duration.ofHours(1);

  private final AtomicLong clock = new AtomicLong();
  private final List<String> done = new CopyOnWriteArrayList<>();

  /** Rules that somebody changes whenever they have been watched for so long. */
  private final class Rules implements RulesWatch.Rules {
    private final Duration each;
    private final @Nullable String problem;

    Rules(Duration each, @Nullable String problem) {
      this.each = each;
      this.problem = problem;
    }

    @Override
    public Verdict watch() {
      done.add("watch");
      clock.addAndGet(each.toNanos());
      return new Verdict.Failed(FailureCode.RULES, "the rules are gone, or others");
    }

    @Override
    public void doubt() {
      done.add("doubt");
    }

    @Override
    public void check() {
      done.add("check");
    }

    @Override
    public @Nullable String problem() {
      return problem;
    }
  }

  private RulesWatch start(Duration each, @Nullable String problem) {
    return RulesWatch.start(new Rules(each, problem), PAUSE, clock::get);
  }

  @Test
  void rulesThatAreSetAgainAreWatchedAgainAtOnce() {
    try (RulesWatch _ = start(PAUSE, null)) {
      await().until(() -> done.size() > 100);
    }
    assertThat(done).startsWith("watch", "doubt", "check", "watch", "doubt", "check", "watch");
  }

  /** Else two programs that set rules of their own would keep the host busy. */
  @Test
  void rulesThatSomebodyChangesAgainAndAgainAreWatchedAfterAPause() {
    try (RulesWatch _ = start(PAUSE.minusNanos(1), null)) {
      await().during(Duration.ofMillis(300)).until(() -> done.size() == 6);
    }
  }

  @Test
  void rulesThatCannotBeSetAreWatchedAfterAPause() {
    try (RulesWatch _ = start(PAUSE, "not in force")) {
      await().during(Duration.ofMillis(300)).until(() -> done.size() == 3);
    }
  }
}
