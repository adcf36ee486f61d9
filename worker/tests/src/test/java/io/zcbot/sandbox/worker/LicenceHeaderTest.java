/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Every source file names its licence. Spotless checks Java files but not package-info.java, and
 * knows nothing of scripts, images and build files.
 */
class LicenceHeaderTest {
  private static final String HEADER = "SPDX-License-Identifier: Apache-2.0";
  private static final int LINES_READ = 6;

  private static final List<String> KINDS =
      List.of(
          ".java",
          ".py",
          ".c",
          ".h",
          ".sh",
          ".xml",
          ".yaml",
          ".yml",
          ".options",
          ".service",
          ".conf",
          ".env",
          "Dockerfile",
          "Makefile",
          "CODEOWNERS");

  @Test
  void everySourceFileHasTheLicenceHeader() throws IOException {
    List<Path> sources = sources();
    assertThat(sources)
        .extracting(Path::toString)
        .contains("bin/test", "packaging/sandbox", "pom.xml", "worker/Dockerfile")
        .anyMatch(name -> name.endsWith("package-info.java"));
    assertThat(sources).allSatisfy(LicenceHeaderTest::assertHeader);
  }

  private static void assertHeader(Path source) throws IOException {
    try (Stream<String> lines = Files.lines(RepositoryFiles.ROOT.resolve(source))) {
      assertThat(lines.limit(LINES_READ))
          .as("the first lines of %s", source)
          .anyMatch(line -> line.contains(HEADER));
    }
  }

  private static List<Path> sources() throws IOException {
    return RepositoryFiles.all().stream().filter(LicenceHeaderTest::needsHeader).toList();
  }

  private static boolean needsHeader(Path source) {
    return isScript(source) || KINDS.stream().anyMatch(source.toString()::endsWith);
  }

  private static boolean isScript(Path source) {
    return (source.startsWith("bin") && !source.toString().endsWith(".json")) // has no comments
        || source.startsWith(".ci")
        || source.endsWith("packaging/sandbox")
        || source.endsWith("kafka-image/run");
  }
}
