/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.commands.CommandHistoryModel.Step;
import io.zcbot.sandbox.worker.commands.CommandHistoryModel.Verb;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Any interleaving of execs, inputs, outputs, ends, deaths, broken channels, lost partitions and
 * crashes for two users keeps I11, I12 and I14, and starts commands in the order of the log.
 */
class CommandHistoriesTest {
  private static Path root = Path.of("");

  @BeforeContainer
  static void makeRoot() throws IOException {
    root = Files.createTempDirectory("workspaces");
  }

  @AfterContainer
  static void removeRoot() throws IOException {
    try (var all = Files.walk(root)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Provide
  Arbitrary<List<Step>> histories() {
    Arbitrary<Verb> usual =
        Arbitraries.frequency(
                Tuple.of(12, Verb.EXEC),
                Tuple.of(10, Verb.WRITE),
                Tuple.of(8, Verb.EXIT),
                Tuple.of(3, Verb.COMMIT),
                Tuple.of(3, Verb.SETTLE),
                Tuple.of(2, Verb.EXIT_WHILE_LOG_IS_AWAY),
                Tuple.of(2, Verb.TIME_PASSES))
            .edgeCases(config -> config.none());
    return Combinators.combine(
            Arbitraries.frequencyOf(Tuple.of(4, usual), Tuple.of(1, Arbitraries.of(Verb.values()))),
            Arbitraries.integers().between(0, 1),
            Arbitraries.integers().between(0, 1000))
        .as(Step::new)
        .list()
        .ofMinSize(5)
        .ofMaxSize(80);
  }

  @Property(tries = 200)
  void historiesKeepTheInvariants(@ForAll("histories") List<Step> history) throws Exception {
    CommandHistoryModel model = new CommandHistoryModel(new World(root, 100, null));
    for (Step step : history) {
      model.take(step);
    }
    model.comeToRest();
    model.checkAtRest();
  }
}
