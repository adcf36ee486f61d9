/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scripts that read and write files, run by this host's bash. */
class FileCommandsTest {
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
    return run(script, input, temporary.toString(), target.toString(), Long.toString(size));
  }

  private int run(String script, String input, String... arguments) throws Exception {
    Path stdin = Files.writeString(directory.resolve("stdin"), input);
    List<String> command = new ArrayList<>(List.of("bash", "-c", script, "zcbot-files"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectInput(stdin.toFile())
            .redirectErrorStream(true)
            .redirectOutput(messages.toFile())
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void aFileThatAnEarlierRunHasCompletedIsComplete() throws Exception {
    Files.writeString(temporary, "content");
    Files.writeString(target, "old");
    assertThat(run(FileCommands.COMPLETE, 7, "")).isZero();
    assertThat(target).hasContent("content");
    assertThat(run(FileCommands.COMPLETE, 7, "")).isZero();
    assertThat(target).hasContent("content");
    assertThat(messages).isEmptyFile();
  }

  @Test
  void aFileGetsTheModeThatItsWriterWants() throws Exception {
    Files.writeString(temporary, "content");
    assertThat(run(FileCommands.COMPLETE, "", temporary.toString(), target.toString(), "7", "755"))
        .isZero();
    assertThat(Files.isExecutable(target)).isTrue();
  }

  @Test
  void aScriptOfACallerEndsWithTheReasonOfItsFailure() throws Exception {
    Command script = SandboxFiles.script("try cat -- \"$1\"; end 1 \"$2\"", "/nowhere", "later");
    assertThat(run(script)).isEqualTo(FileFailure.NOT_FOUND);
    assertThat(messages).hasContent("No such file or directory");
    script = SandboxFiles.script("try true \"$1\"; end 1 \"$2\"", "/nowhere", "later");
    assertThat(run(script)).isEqualTo(1);
    assertThat(messages).hasContent("later");
  }

  private int run(Command script) throws Exception {
    List<String> words =
        script
            .exec("e", Samples.user(), Samples.NOW, Samples.NOW, "t", false)
            .program()
            .arguments();
    return run(words.get(2), "", words.subList(4, words.size()).toArray(String[]::new));
  }

  @Test
  void aFileOfAnotherLengthIsNotComplete() throws Exception {
    Files.writeString(target, "old");
    assertThat(run(FileCommands.COMPLETE, 7, "")).isEqualTo(1);
    assertThat(Files.readString(messages, StandardCharsets.UTF_8))
        .contains("not all of it arrived");
    Files.writeString(temporary, "part");
    assertThat(run(FileCommands.COMPLETE, 7, "")).isEqualTo(1);
    assertThat(target).hasContent("old");
  }

  /** Else the second run would take what was there before for the file. */
  @Test
  void whatCannotBeCompletedStaysForTheNextRun() throws Exception {
    Files.createDirectory(target);
    long size = Files.size(target);
    Files.writeString(temporary, "x".repeat((int) size));
    assertThat(run(FileCommands.COMPLETE, size, "")).isEqualTo(FileFailure.IS_DIRECTORY);
    assertThat(temporary).exists();
    assertThat(run(FileCommands.COMPLETE, size, "")).isEqualTo(FileFailure.IS_DIRECTORY);
  }

  @Test
  void aShortFileIsWrittenAtOnceAndLeavesNothingBehind() throws Exception {
    assertThat(run(FileCommands.WRITE_AND_COMPLETE, 7, "content")).isZero();
    assertThat(run(FileCommands.WRITE_AND_COMPLETE, 7, "content")).isZero();
    assertThat(target).hasContent("content");
    assertThat(run(FileCommands.WRITE_AND_COMPLETE, 8, "content")).isEqualTo(1);
    assertThat(temporary).doesNotExist();
  }

  @Test
  void whatALinkLeadsToIsWrittenAndTheLinkStays() throws Exception {
    Path real = directory.resolve("real\n");
    Files.createSymbolicLink(target, real.getFileName());
    assertThat(run(FileCommands.WRITE_AND_COMPLETE, 7, "content")).isZero();
    assertThat(target).isSymbolicLink();
    assertThat(real).hasContent("content");
  }

  @Test
  void aPieceIsWrittenAfterTheEarlierOnesAndMayBeWrittenTwice() throws Exception {
    String path = directory.resolve("deep/file").toString();
    assertThat(run(FileCommands.WRITE, "old", path, "0")).isZero();
    assertThat(run(FileCommands.WRITE, "new", path, "0")).isZero();
    assertThat(run(FileCommands.WRITE, "last", path, "3")).isZero();
    assertThat(run(FileCommands.WRITE, "last", path, "3")).isZero();
    assertThat(Path.of(path)).hasContent("newlast");
    assertThat(messages).isEmptyFile();
  }

  /** Otherwise the file would begin with zeros, and have the right length. */
  @Test
  void aPieceIsRefusedIfTheEarlierOnesAreGone() throws Exception {
    assertThat(run(FileCommands.WRITE, "last", temporary.toString(), "3")).isEqualTo(1);
    assertThat(messages).content().contains("write it again");
    assertThat(temporary).doesNotExist();
    Files.writeString(temporary, "ne");
    assertThat(run(FileCommands.WRITE, "last", temporary.toString(), "3")).isEqualTo(1);
    assertThat(temporary).hasContent("ne");
  }

  /** Opening a FIFO takes until somebody writes to it, and reading a device may never end. */
  @Test
  void whatIsNoFileIsRefusedAtOnce() throws Exception {
    assertThat(run("mkfifo -- \"$1\" && ln -s -- \"$1\" \"$2\"", 0, "")).isZero();
    for (String path : List.of(temporary.toString(), target.toString(), "/dev/zero")) {
      assertThat(run(FileCommands.READ, "", path, "0", "10")).isEqualTo(1);
      assertThat(messages).content().contains("is not a regular file");
    }
  }

  @Test
  void aPieceOfAFileIsReadAndALinkIsFollowed() throws Exception {
    Files.writeString(temporary, "content");
    Files.createSymbolicLink(target, temporary);
    assertThat(run(FileCommands.READ, "", target.toString(), "3", "2")).isZero();
    assertThat(messages).hasContent("te");
  }

  /** The exit code is the reason, in whichever language the sandbox's programs speak. */
  @Test
  void theReasonOfAFailureIsTheExitCode() throws Exception {
    String nowhere = target.toString();
    assertThat(run(FileCommands.READ, "", nowhere, "0", "10")).isEqualTo(FileFailure.NOT_FOUND);
    assertThat(run(FileCommands.LIST, "", nowhere, "%f")).isEqualTo(FileFailure.NOT_FOUND);
    assertThat(run(FileCommands.READ, "", directory.toString(), "0", "10"))
        .isEqualTo(FileFailure.IS_DIRECTORY);
    String file = Files.writeString(temporary, "x").toString();
    assertThat(run(FileCommands.LIST, "", file, "%f")).isEqualTo(FileFailure.NOT_DIRECTORY);
    assertThat(run(FileCommands.READ, "", file + "/x", "0", "10"))
        .isEqualTo(FileFailure.NOT_DIRECTORY);
    for (String below : List.of(file + "/x", file + "/x/y")) {
      assertThat(run(FileCommands.WRITE_AND_COMPLETE, "x", below, below, "1"))
          .isEqualTo(FileFailure.NOT_DIRECTORY);
    }
    // even root may not make a file there
    assertThat(run(FileCommands.WRITE, "x", "/sys/x", "0")).isEqualTo(FileFailure.NOT_PERMITTED);
    assertThat(run(FileCommands.WRITE, "x", "/dev/full", "0")).isEqualTo(FileFailure.NO_SPACE);
    assertThat(messages).hasContent("No space left on device");
  }

  /** Programs write the path before the reason. */
  @Test
  void aNameIsNotTakenForAReason() throws Exception {
    String name = directory.resolve("x: Permission denied").toString();
    assertThat(run(FileCommands.READ, "", name, "0", "10")).isEqualTo(FileFailure.NOT_FOUND);
  }
}
