/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.CommandException;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.cli.ExitCode;
import io.zcbot.sandbox.worker.cli.RunningGateway;
import io.zcbot.sandbox.worker.cli.WorkerProcess;
import io.zcbot.sandbox.worker.config.LogConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.console.FleetConsole;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.ops.Logging;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs a broker and a worker that uses it. */
@Command(
    name = "standalone",
    description = "Run the worker and a Kafka broker in one process, until SIGTERM or Ctrl-C.")
final class StandaloneCommand implements Callable<Integer> {
  private static final Logger log = LoggerFactory.getLogger(StandaloneCommand.class);

  private static final String DATA_KEY = "ZCBOT_STANDALONE_DATA";
  private static final String PORT_KEY = "ZCBOT_STANDALONE_KAFKA_PORT";
  private static final String SERVERS_KEY = "ZCBOT_KAFKA_BOOTSTRAP_SERVERS";

  private final Console console;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The directory of the broker's log (default: " + DATA_KEY + ", else ./data).")
  private @Nullable String data;

  @Option(
      names = "--kafka-port",
      paramLabel = "PORT",
      description = "The broker's port on 127.0.0.1 (default: " + PORT_KEY + ", else 9092).")
  private @Nullable String port;

  @Option(
      names = "--console",
      description = "Serve the web page of 'sandbox console' as well (ZCBOT_CONSOLE_ADDRESS).")
  private boolean hasConsole;

  @Option(
      names = "--gateway",
      description =
          "Serve E2B's interface as 'sandbox gateway' does as well (ZCBOT_GATEWAY_ADDRESS), with a"
              + " key that is made on the first start. Its directory is DIR/gateway"
              + " (ZCBOT_GATEWAY_DIRECTORY).")
  private boolean hasGateway;

  private @Nullable RunningGateway gateway;

  StandaloneCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws CommandException {
    int kafkaPort = port();
    Path directory = directory();
    WorkerConfig config = Cli.config(environment(kafkaPort, directory));
    Logging.configure(config.ops().log);
    Logging.quiet("org.apache.kafka.controller.QuorumController"); // warns of each normal start
    try {
      EmbeddedBroker broker = EmbeddedBroker.start(directory, kafkaPort);
      log.info("Kafka listens on {}, its data is in {}", broker.bootstrapServers(), directory);
      FleetConsole page = hasConsole ? console(config, broker) : null;
      return WorkerProcess.run(
          config,
          () -> {
            if (config.ops().log.format() == LogConfig.Format.TEXT) {
              console.err().println(suggestion(kafkaPort));
            }
            if (hasGateway) {
              serveGateway(config);
            }
          },
          () -> stop(page, gateway, broker));
    } catch (IOException e) {
      throw new CommandException(ExitCode.CONFIG, String.valueOf(e.getMessage()), e);
    }
  }

  /** What to try first, printed last, where a person sees it. */
  static String suggestion(int kafkaPort) {
    String sandbox =
        "bin/sandbox" + (kafkaPort == 9092 ? "" : " --bootstrap-server 127.0.0.1:" + kafkaPort);
    return """

        Ready. Try this in another terminal: a command in a user's sandbox, and a shell in it.
          %1$s exec %2$s -- python3 -c 'print(6*7)'
          %1$s exec -it %2$s bash
        """
        .formatted(sandbox, "00000000-0000-4000-8000-000000000001");
  }

  /** Closes the broker if there can be no console. */
  private static FleetConsole console(WorkerConfig config, EmbeddedBroker broker)
      throws IOException {
    try {
      FleetConsole page =
          FleetConsole.start(
              new KafkaClients(config.kafka(), "zcbot-console"),
              config.kafka(),
              config.ops().console,
              config.reaper().idleTtl);
      log.info("The console is on http:/{}", page.address());
      return page;
    } catch (IOException | RuntimeException e) {
      stop(null, null, broker);
      throw e;
    }
  }

  /** Starts the gateway, with a key for a first try if it has none. */
  private void serveGateway(WorkerConfig config) {
    try {
      KeyFile keys = KeyFile.in(config.ops().gateway.directory);
      String first = keys.read().isEmpty() ? keys.add("local", 0, 0).text() : null;
      gateway = RunningGateway.start(config);
      console.err().println(gateway.greeting());
      console
          .err()
          .println(
              first == null
                  ? "with a key that was made before, or of 'bin/sandbox gateway key add TENANT'"
                  : "with this key, which is not shown again: " + first);
    } catch (CommandException | IOException e) {
      log.error("the gateway does not run: {}", e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void stop(
      @Nullable FleetConsole page, @Nullable RunningGateway gateway, EmbeddedBroker broker)
      throws IOException {
    try (broker) {
      if (gateway != null) {
        gateway.close();
      }
      if (page != null) {
        page.close();
      }
      Logging.quiet("org.apache.kafka.clients.NetworkClient"); // warns of each normal stop
      // logs an error if it is stopped while it loads a partition
      Logging.silence("org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime");
    }
  }

  /** The worker's environment: its Kafka is the broker here, and nobody else's. */
  Map<String, String> environment(int kafkaPort, Path directory) throws CommandException {
    String own = "127.0.0.1:" + kafkaPort;
    Map<String, String> env = new HashMap<>(console.env());
    String given = env.getOrDefault(SERVERS_KEY, "").strip();
    if (!given.isEmpty() && !given.equals(own) && !given.equals("localhost:" + kafkaPort)) {
      throw new CommandException(
          ExitCode.CONFIG,
          SERVERS_KEY
              + "="
              + given
              + " names another Kafka than the broker that standalone starts, "
              + own
              + "; unset it, or use the command 'run' with that Kafka",
          null);
    }
    env.put(SERVERS_KEY, own);
    if (hasGateway) {
      env.put(
          "ZCBOT_GATEWAY_DIRECTORY",
          given(env, "ZCBOT_GATEWAY_DIRECTORY", directory.resolve("gateway").toString()));
      // Clients say how long a sandbox lives, whether it is used or not.
      env.put("ZCBOT_SANDBOX_IDLE_TTL_MAX", given(env, "ZCBOT_SANDBOX_IDLE_TTL_MAX", "24h"));
    }
    if (hasConsole) {
      String address = given(env, "ZCBOT_CONSOLE_ADDRESS", "127.0.0.1:8090");
      env.put("ZCBOT_CONSOLE_URL", given(env, "ZCBOT_CONSOLE_URL", "http://" + address));
    }
    return env;
  }

  /** An empty value counts as not set, as in all settings. */
  private static String given(Map<String, String> env, String key, String fallback) {
    String value = env.getOrDefault(key, "").strip();
    return value.isEmpty() ? fallback : value;
  }

  private int port() throws CommandException {
    String text = port == null ? console.env().getOrDefault(PORT_KEY, "").strip() : port;
    if (text.isEmpty()) {
      return 9092;
    }
    try {
      int number = Integer.parseInt(text);
      if (number >= 1 && number <= 65_535) {
        return number;
      }
    } catch (NumberFormatException _) {
      // Refused below, as any other text.
    }
    throw new CommandException(
        port == null ? ExitCode.CONFIG : ExitCode.USAGE,
        (port == null ? PORT_KEY : "--kafka-port") + "=" + text + ": must be a port, 1 to 65535",
        null);
  }

  private Path directory() throws CommandException {
    String text = data == null ? console.env().getOrDefault(DATA_KEY, "").strip() : data;
    try {
      return Path.of(text.isEmpty() ? "data" : text).toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw new CommandException(
          data == null ? ExitCode.CONFIG : ExitCode.USAGE,
          (data == null ? DATA_KEY : "--data") + "=" + text + ": must be a path",
          e);
    }
  }
}
