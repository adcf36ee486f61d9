/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageSumsTest {
  /** In memory; in some files; in more files than are open at a time, so that they are merged. */
  @ParameterizedTest
  @ValueSource(ints = {1000, 100, 5})
  void sumsAreTheSameInMemoryAndInFiles(int held) throws IOException {
    Random random = new Random(held);
    Map<String, Used> expected = new TreeMap<>();
    SequencedMap<String, Used> reported = new LinkedHashMap<>();
    try (UsageSums sums = new UsageSums(held)) {
      for (int i = 0; i < 3_000; i++) {
        String key = String.format(Locale.ROOT, "%03d", random.nextInt(500));
        Used used = new Used(1, i % 2, random.nextInt(), i, -i, i);
        expected.merge(key, used, Used::plus);
        sums.add(key, used);
      }
      assertThat(namesOfFiles()).as("what a killed process would leave").isEmpty();
      sums.forEach(reported::put);
    }
    assertThat(reported).containsExactlyEntriesOf(expected);
  }

  private static List<Path> namesOfFiles() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("sandbox-usage"))
          .toList();
    }
  }
}
