/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens to a file that was not completed. */
class NewFileTest {
  @TempDir private Path directory;

  @Test
  void whatIsNotCompleteGoesWithAllThatIsInIt() throws Exception {
    Path outside = Files.writeString(directory.resolve("outside"), "stays");
    try (NewFile file = new NewFile(directory.resolve("new"))) {
      Path deep = file.temporary().resolve("a/".repeat(100));
      Files.createDirectories(deep);
      Files.writeString(deep.resolve("file"), "goes");
      Files.createSymbolicLink(deep.resolve("link"), outside);
      Files.createSymbolicLink(file.temporary().resolve("linked"), directory);
    }
    assertThat(directory).isDirectoryContaining(outside::equals);
    assertThat(directory.toFile().list()).hasSize(1);
    assertThat(outside).hasContent("stays");
  }

  @Test
  void whatIsCompleteStays() throws Exception {
    Path target = directory.resolve("new");
    try (NewFile file = new NewFile(target)) {
      Files.writeString(file.temporary(), "text");
      file.complete();
    }
    assertThat(target).hasContent("text");
    assertThat(directory.toFile().list()).hasSize(1);
  }
}
