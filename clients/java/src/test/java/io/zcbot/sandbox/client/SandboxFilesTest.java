/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scripts that write files, run by this host's bash. */
class SandboxFilesTest {
  @TempDir private Path directory;
  private Path temporary;
  private Path target;
  private Path messages;

  @BeforeEach
  void start() {
    temporary = directory.resolve("temporary");
    target = directory.resolve("target");
    messages = directory.resolve("messages");
  }

  /** Runs a script; returns its exit code. */
  private int run(String script, long size, String input) throws Exception {
    Path stdin = Files.writeString(directory.resolve("stdin"), input);
    Process process =
        new ProcessBuilder(
                "bash",
                "-c",
                script,
                "zcbot-files",
                temporary.toString(),
                target.toString(),
                Long.toString(size))
            .redirectInput(stdin.toFile())
            .redirectErrorStream(true)
            .redirectOutput(messages.toFile())
            .start();
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void aFileThatAnEarlierRunHasCompletedIsComplete() throws Exception {
    Files.writeString(temporary, "content");
    Files.writeString(target, "old");
    assertThat(run(SandboxFiles.COMPLETE, 7, "")).isZero();
    assertThat(target).hasContent("content");
    assertThat(run(SandboxFiles.COMPLETE, 7, "")).isZero();
    assertThat(target).hasContent("content");
    assertThat(messages).isEmptyFile();
  }

  @Test
  void aFileOfAnotherLengthIsNotComplete() throws Exception {
    Files.writeString(target, "old");
    assertThat(run(SandboxFiles.COMPLETE, 7, "")).isEqualTo(1);
    assertThat(Files.readString(messages, StandardCharsets.UTF_8))
        .contains("not all of it arrived");
    Files.writeString(temporary, "part");
    assertThat(run(SandboxFiles.COMPLETE, 7, "")).isEqualTo(1);
    assertThat(target).hasContent("old");
  }

  /** Else the second run would take what was there before for the file. */
  @Test
  void whatCannotBeCompletedStaysForTheNextRun() throws Exception {
    Files.createDirectory(target);
    long size = Files.size(target);
    Files.writeString(temporary, "x".repeat((int) size));
    assertThat(run(SandboxFiles.COMPLETE, size, "")).isEqualTo(1);
    assertThat(temporary).exists();
    assertThat(run(SandboxFiles.COMPLETE, size, "")).isEqualTo(1);
  }

  @Test
  void aShortFileIsWrittenAtOnceAndLeavesNothingBehind() throws Exception {
    assertThat(run(SandboxFiles.WRITE_AND_COMPLETE, 7, "content")).isZero();
    assertThat(run(SandboxFiles.WRITE_AND_COMPLETE, 7, "content")).isZero();
    assertThat(target).hasContent("content");
    assertThat(run(SandboxFiles.WRITE_AND_COMPLETE, 8, "content")).isEqualTo(1);
    assertThat(temporary).doesNotExist();
  }
}
