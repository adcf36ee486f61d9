/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.worker.ensure.SandboxHistoryModel.Step;
import io.zcbot.sandbox.worker.ensure.SandboxHistoryModel.Verb;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Any interleaving of ensures, activities, deaths, faults and crashes for a few users, with
 * sandboxes created and claimed and idle TTLs that users choose, keeps I1, I2, I4 and I5, and
 * leaves no slot's mount behind.
 */
class SandboxHistoriesTest {
  static final int USERS = 3;
  private static Path root = Path.of("");

  @BeforeContainer
  static void makeRoot() throws java.io.IOException {
    root = Files.createTempDirectory("workspaces");
  }

  @AfterContainer
  static void removeRoot() throws java.io.IOException {
    try (var all = Files.walk(root)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Provide
  Arbitrary<List<Step>> histories() {
    Arbitrary<Verb> verbs =
        Arbitraries.frequency(
                net.jqwik.api.Tuple.of(6, Verb.ENSURE),
                net.jqwik.api.Tuple.of(6, Verb.RUN_A_TASK),
                net.jqwik.api.Tuple.of(4, Verb.TIME_PASSES),
                net.jqwik.api.Tuple.of(4, Verb.FOLLOWER_CATCHES_UP),
                net.jqwik.api.Tuple.of(4, Verb.TICK),
                net.jqwik.api.Tuple.of(5, Verb.WARM_UP),
                net.jqwik.api.Tuple.of(20, Verb.RUN_ALL))
            .edgeCases(config -> config.none());
    Arbitrary<Verb> any = Arbitraries.of(Verb.values());
    return Combinators.combine(
            Arbitraries.oneOf(verbs, any),
            Arbitraries.integers().between(1, USERS),
            Arbitraries.integers().between(0, 1000))
        .as(Step::new)
        .list()
        .ofMinSize(5)
        .ofMaxSize(80);
  }

  @Property(tries = 600)
  void historiesKeepTheInvariants(@ForAll("histories") List<Step> history) throws Exception {
    World world =
        new World(
            root,
            new World.Limits(
                SandboxHistoryModel.IDLE_TTLS,
                World.EVICT_AFTER,
                null,
                Duration.ofSeconds(60),
                0.05),
            100,
            1_000_000,
            2);
    SandboxHistoryModel model = new SandboxHistoryModel(world);
    for (Step step : history) {
      model.take(step);
      model.checkNow();
    }
    model.comeToRest();
    model.checkAtRest();
  }
}
