/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.gateway.keys.ApiKey;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/**
 * The command {@code gateway}: serves E2B's interface until the process is ended, and keeps the
 * file of API keys.
 */
@Command(
    name = "gateway",
    description = {
      "Serve E2B's interface over HTTP, until Ctrl-C: unchanged programs that use E2B's SDKs run in"
          + " sandboxes of this fleet.",
      "It talks to Kafka only, so it runs on any machine that reaches the brokers. Its address is"
          + " ZCBOT_GATEWAY_ADDRESS; keys and secret are in ZCBOT_GATEWAY_DIRECTORY."
    },
    subcommands = {GatewayCommand.Keys.class})
final class GatewayCommand implements Callable<Integer> {
  private final CommandContext context;

  GatewayCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    try (RunningGateway gateway = RunningGateway.start(context.config())) {
      context
          .console()
          .err()
          .println(
              gateway.greeting()
                  + System.lineSeparator()
                  + "'sandbox gateway key add TENANT' makes a key; press Ctrl-C to stop");
      new CountDownLatch(1).await(); // a signal ends the process
      return ExitCode.OK;
    }
  }

  /** The commands for API keys. */
  @Command(
      name = "key",
      description =
          "Add, list and revoke API keys. Gateways read the file within a second after a change.")
  static final class Keys {
    @ParentCommand private @Nullable GatewayCommand gateway;

    private CommandContext context() {
      return Objects.requireNonNull(gateway).context; // picocli has set it
    }

    @Command(
        description = {
          "Make a key for a tenant and print it. It is shown once: the file has its hash only.",
          "Keys of one tenant see each other's sandboxes, and nobody else's."
        })
    int add(
        @Parameters(paramLabel = "TENANT", description = "The tenant: a-z, 0-9, '.', '_' and '-'.")
            String tenant,
        @Option(
                names = "--max-sandboxes",
                paramLabel = "N",
                defaultValue = "0",
                description = "How many sandboxes the tenant may have at once (default: no limit).")
            int maxSandboxes,
        @Option(
                names = "--rate",
                paramLabel = "N",
                defaultValue = "0",
                description =
                    "How many requests that make, find or end sandboxes a second (default: no"
                        + " limit).")
            int rate,
        @Option(
                names = "--command-rate",
                paramLabel = "N",
                defaultValue = "0",
                description =
                    "How many commands a second may be started in sandboxes that were made with the"
                        + " key, and calls of MCP's tools (default: no limit).")
            int commandRate,
        @Option(
                names = "--max-commands",
                paramLabel = "N",
                defaultValue = "0",
                description =
                    "How many of those may run at once through one gateway (default: no limit).")
            int maxCommands,
        @Option(
                names = "--profiles",
                paramLabel = "NAME",
                split = ",",
                description =
                    "Of which profiles sandboxes may be made with the key, separated by commas"
                        + " (default: all).")
            @Nullable Set<String> profiles)
        throws CommandException {
      if (maxSandboxes < 0 || rate < 0 || commandRate < 0 || maxCommands < 0) {
        throw new CommandException(
            ExitCode.USAGE,
            "--max-sandboxes, --rate, --command-rate and --max-commands must not be negative",
            null);
      }
      try {
        KeyFile.Added added =
            file()
                .add(
                    tenant,
                    maxSandboxes,
                    rate,
                    commandRate,
                    maxCommands,
                    profiles == null ? Set.of() : profiles);
        context().console().out().println(added.text());
        context().console().err().println("added key " + added.key().id() + " of tenant " + tenant);
        return ExitCode.OK;
      } catch (IllegalArgumentException e) {
        throw new CommandException(ExitCode.USAGE, String.valueOf(e.getMessage()), e);
      } catch (IOException e) {
        throw failed(e);
      }
    }

    @Command(description = "List the keys: id, tenant, when they were added, limits.")
    int list() throws CommandException {
      try {
        List<ApiKey> keys = file().read();
        if (keys.isEmpty()) {
          context().console().out().println("no keys");
          return ExitCode.OK;
        }
        Table table =
            new Table(
                "ID",
                "TENANT",
                "ADDED",
                "SANDBOXES",
                "REQUESTS/S",
                "COMMANDS/S",
                "COMMANDS",
                "PROFILES");
        for (ApiKey key : keys) {
          table.add(
              key.id(),
              key.tenant(),
              key.createdAt().toString(),
              limit(key.maxSandboxes()),
              limit(key.requestsPerSecond()),
              limit(key.commandsPerSecond()),
              limit(key.maxCommands()),
              key.profiles().isEmpty() ? "all" : String.join(",", new TreeSet<>(key.profiles())));
        }
        context().console().out().print(table.text());
        context().console().out().flush();
        return ExitCode.OK;
      } catch (IOException e) {
        throw failed(e);
      }
    }

    @Command(
        description = {
          "Revoke a key. Sandboxes that it made stay, and their commands go on.",
          "The access tokens of all sandboxes of the tenant change, since whoever had the key may"
              + " have them: programs with another key have to connect to their sandboxes again."
        })
    int revoke(
        @Parameters(paramLabel = "ID", description = "The key's id, as 'list' prints it.")
            String id)
        throws CommandException {
      try {
        ApiKey revoked =
            file()
                .revoke(id)
                .orElseThrow(
                    () ->
                        new CommandException(
                            ExitCode.FAILED, "no key has the id " + EventText.plain(id), null));
        context().console().out().println("revoked " + id);
        context()
            .console()
            .err()
            .println(
                "the access tokens of the sandboxes of "
                    + revoked.tenant()
                    + " change: programs with another key have to connect again");
        return ExitCode.OK;
      } catch (IOException e) {
        throw failed(e);
      }
    }

    private KeyFile file() throws CommandException {
      return KeyFile.in(context().config().ops().gateway.directory);
    }

    private static String limit(int limit) {
      return limit == 0 ? "no limit" : Integer.toString(limit);
    }

    private static CommandException failed(IOException e) {
      return new CommandException(ExitCode.CONFIG, "keys: " + e.getMessage(), e);
    }
  }
}
