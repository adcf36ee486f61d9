/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.console.FleetConsole;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;

/**
 * The command {@code console}: serves the web page about the whole fleet until the process is
 * ended.
 */
@Command(
    name = "console",
    description = {
      "Serve a web page that shows the whole fleet, until Ctrl-C: hosts, sandboxes, commands,"
          + " failures, dead letters, and what happened to each user.",
      "It reads the topics only, so it runs on any machine that reaches Kafka. Anybody who reaches"
          + " its address (ZCBOT_CONSOLE_ADDRESS) sees it."
    })
final class ConsoleCommand implements Callable<Integer> {
  private final CommandContext context;

  ConsoleCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    WorkerConfig config = context.config();
    try (KafkaLog log = new KafkaLog(config.kafka())) {
      log.admin("watch the fleet").close(); // fails early if the brokers can't be reached
      return serve(log, config);
    } catch (IOException e) {
      throw new CommandException(ExitCode.CONFIG, String.valueOf(e.getMessage()), e);
    }
  }

  private int serve(KafkaLog log, WorkerConfig config) throws IOException, InterruptedException {
    try (HeapWatch _ = HeapWatch.start(0);
        FleetConsole served =
            FleetConsole.start(
                log.clients(), log.config(), config.ops().console, config.reaper().idleTtl)) {
      InetSocketAddress address = served.address();
      String host = address.getAddress().getHostAddress();
      context
          .console()
          .err()
          .println(
              "the console is at http://"
                  + (host.contains(":") ? "[" + host + "]" : host)
                  + ":"
                  + address.getPort()
                  + " and shows "
                  + log.config().bootstrapServers()
                  + ", press Ctrl-C to stop");
      if (!address.getAddress().isLoopbackAddress()) {
        context
            .console()
            .err()
            .println(
                "it is reachable from other machines and requires no password: put it behind a"
                    + " proxy that does");
      }
      new CountDownLatch(1).await(); // a signal ends the process
      return ExitCode.OK;
    }
  }
}
