/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.ClientMetrics;
import io.zcbot.sandbox.client.EnsureOptions;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.mcp.McpStdio;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code mcp}: serves the Model Context Protocol on the standard streams. */
@Command(
    name = "mcp",
    description = {
      "Serve the Model Context Protocol on standard input and output, until standard input ends: an"
          + " agent that starts this command runs code in one user's sandbox.",
      "For agents on other machines, 'sandbox gateway' serves it over HTTP."
    })
final class McpCommand implements Callable<Integer> {
  @Option(
      names = "--user",
      required = true,
      paramLabel = "USER",
      description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Option(
      names = "--profile",
      paramLabel = "NAME",
      description =
          "What the sandbox is made of (default: that of the sandbox that runs, or else default).")
  private @Nullable String profile;

  private final CommandContext context;

  McpCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    if (profile != null && !ProfileName.isValid(profile)) {
      throw new CommandException(
          ExitCode.USAGE,
          "--profile " + EventText.plain(profile) + " is not a name of " + ProfileName.RULE,
          null);
    }
    EnsureOptions ensure =
        profile == null ? EnsureOptions.DEFAULT : EnsureOptions.DEFAULT.withProfile(profile);
    WorkerConfig config = context.config();
    StandardStreams streams = context.streams();
    try (KafkaLog log = new KafkaLog(config.kafka());
        SandboxClient client = log.client(Topic.ENSURE, "mcp", ClientMetrics.NONE)) {
      new McpStdio(client.sandbox(user), ensure, config.commands().maxTimeout, streams.out())
          .serve(streams.in());
      return ExitCode.OK;
    } catch (IOException e) {
      throw new CommandException(ExitCode.FAILED, "mcp: " + e.getMessage(), e);
    }
  }
}
