/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Each behaviour that clients/BEHAVIOURS.md lists is tested in both clients. */
class BehaviourTableTest {
  private static final Pattern ROW =
      Pattern.compile(
          "(?m)^\\| `([a-z-]+)` \\| [^|]+ \\| `(\\w+)#(\\w+)` \\| `(\\w+)::(\\w+)` \\|$");

  private static List<MatchResult> rows() throws IOException {
    return ROW.matcher(Files.readString(SourceFiles.REPOSITORY.resolve("clients/BEHAVIOURS.md")))
        .results()
        .toList();
  }

  @Test
  void everyRowNamesATestInJava() throws IOException {
    assertThat(rows()).hasSizeGreaterThan(15);
    for (MatchResult row : rows()) {
      assertThat(tests(row.group(2))).as("tests of %s", row.group(1)).contains(row.group(3));
    }
  }

  private static List<String> tests(String name) {
    try {
      Class<?> tests = Class.forName(BehaviourTableTest.class.getPackageName() + "." + name);
      return Arrays.stream(tests.getDeclaredMethods())
          .filter(method -> method.isAnnotationPresent(Test.class))
          .map(method -> method.getName())
          .toList();
    } catch (ClassNotFoundException e) {
      throw new AssertionError("there is no class " + name, e);
    }
  }

  @Test
  void everyRowNamesATestInPython() throws IOException {
    for (MatchResult row : rows()) {
      Path file = SourceFiles.REPOSITORY.resolve("clients/python/tests/" + row.group(4) + ".py");
      assertThat(Files.readString(file))
          .as("tests of %s in %s", row.group(1), file)
          .containsPattern("(?m)^(async )?def " + row.group(5) + "\\(");
    }
  }

  @Test
  void noRowIsWrittenInAnotherWay() throws IOException {
    String table = Files.readString(SourceFiles.REPOSITORY.resolve("clients/BEHAVIOURS.md"));
    long rows = table.lines().filter(line -> line.startsWith("| `") && line.contains("#")).count();
    assertThat(rows()).hasSize((int) rows);
  }
}
