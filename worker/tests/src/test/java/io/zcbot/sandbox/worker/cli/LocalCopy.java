/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.PlayedLog;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import java.nio.file.Path;
import picocli.CommandLine;

/** A process that copies into a directory that stands for a sandbox. */
final class LocalCopy {
  private LocalCopy() {}

  /** Takes the directory, the user, the source and the path in the sandbox. */
  public static void main(String[] args) throws InterruptedException {
    Console console = Console.ofProcess();
    CopyCommand copy =
        new CopyCommand(
            new CommandContext(
                console,
                () -> false,
                _ -> new FakeEngine(),
                _ -> new FakeEngine(),
                StandardStreams::ofProcess));
    var _ = new CommandLine(copy).parseArgs(args[2], args[1] + ":" + args[3]);
    int code;
    try (LocalCommands log = new LocalCommands(Path.of(args[0]));
        PlayedLog client = new PlayedLog(PassingLog.player(log))) {
      code = copy.copy(client.sandbox(UserId.parse(args[1])));
    } catch (CommandException e) {
      console.err().println(e.getMessage());
      code = e.exitCode();
    }
    System.exit(code);
  }
}
