/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.ConfigException;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.config.Setting;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.ops.Logging;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;

/**
 * The commands, their options and what they share. What a command does is in a class of its own.
 */
@Command(
    name = "sandbox",
    description = "One hardened container per user, asked for and announced through Kafka.",
    mixinStandardHelpOptions = true,
    versionProvider = Cli.Version.class,
    scope = ScopeType.INHERIT,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:answered with failed, or not all was done, or audit or doctor found something wrong",
      "2:wrong arguments",
      "3:no answer in time",
      "69:Kafka or the engine is not reached",
      "70:a fault of this program",
      "78:settings or topics are not usable"
    })
public final class Cli {
  private static final String KAFKA_KEYS = "ZCBOT_KAFKA_";
  private static final String TOPIC_KEYS = "ZCBOT_TOPIC";

  private final Console console;
  private final Function<WorkerConfig, Engine> engines;

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Say more on standard error, stack traces too.")
  private boolean verbose;

  private Cli(Console console, Function<WorkerConfig, Engine> engines) {
    this.console = console;
    this.engines = engines;
  }

  /**
   * The command line of a process.
   *
   * @param more commands besides those every worker has
   */
  public static CommandLine commandLine(Console console, Object... more) {
    return commandLine(console, Cli::engine, more);
  }

  static CommandLine commandLine(
      Console console, Function<WorkerConfig, Engine> engines, Object... more) {
    Cli cli = new Cli(console, engines);
    CommandLine line = new CommandLine(cli);
    line.addSubcommand(cli.new Topics());
    line.addSubcommand(new AuditCommand(console, cli::config));
    line.addSubcommand(new ExportCommand(console, cli::config));
    for (Object command : more) {
      line.addSubcommand(command);
    }
    line.setOut(console.out()).setErr(console.err());
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(console.hasColour() ? Ansi.ON : Ansi.OFF));
    line.setExecutionExceptionHandler((e, _, _) -> cli.report(e));
    line.setParameterExceptionHandler(cli::reportUsage);
    line.registerConverter(UserId.class, new UserConverter());
    line.registerConverter(Duration.class, new DurationConverter());
    describeKeys(line);
    return line;
  }

  /** Each command's help lists the keys it goes by. */
  private static void describeKeys(CommandLine line) {
    line.getSubcommands()
        .forEach(
            (name, command) ->
                command.getCommandSpec().usageMessage().footer(Setting.help(keysOf(name))));
    line.getCommandSpec()
        .usageMessage()
        .footer("", "Settings come from the environment: 'run --help' lists every key.");
  }

  private static String[] keysOf(String command) {
    return switch (command) {
      case "run", "standalone", "doctor" -> new String[] {};
      case "ps" -> new String[] {KAFKA_KEYS, TOPIC_KEYS, "ZCBOT_SANDBOX_", "ZCBOT_PG_IPS"};
      case "audit" ->
          new String[] {
            KAFKA_KEYS,
            TOPIC_KEYS,
            "ZCBOT_SANDBOX_IDLE_TTL",
            "ZCBOT_REAPER_INTERVAL",
            "ZCBOT_ENSURE_EXPIRY",
            "ZCBOT_RESTART"
          };
      case "purge" -> new String[] {"ZCBOT_WORKER_ID", "ZCBOT_OPS", KAFKA_KEYS, TOPIC_KEYS};
      default -> new String[] {KAFKA_KEYS, TOPIC_KEYS};
    };
  }

  @Command(description = "Run the worker of this host until it is told to stop (SIGTERM, Ctrl-C).")
  int run() throws CommandException {
    WorkerConfig config = config();
    Logging.configure(config.log());
    return WorkerProcess.run(config, () -> {});
  }

  @Command(description = "Ask for a user's sandbox and wait until it is ready.")
  int ensure(
      @Parameters(paramLabel = "USER", description = "The user's id, a lower-case UUID.")
          UserId user,
      @Option(
              names = "--timeout",
              paramLabel = "DURATION",
              defaultValue = "60s",
              description = "How long to wait for an answer (default: ${DEFAULT-VALUE}).")
          Duration timeout,
      @Option(
              names = "--wait",
              negatable = true,
              defaultValue = "true",
              fallbackValue = "true",
              description = "Wait for the answer (default), or only publish.")
          boolean wait,
      @Option(
              names = "--expires-in",
              paramLabel = "DURATION",
              description =
                  "From when on the ensure is not met any more (default: the timeout when waiting,"
                      + " else the worker's).")
          @Nullable Duration expiresIn,
      @Option(names = "--json", description = "Print the event as JSON.") boolean json)
      throws CommandException, InterruptedException {
    try (KafkaLog log = log()) {
      return new EnsureCommand(console, log).run(user, timeout, wait, expiresIn, json);
    }
  }

  @Command(description = "Say that a user's sandbox was used, so that it is not reaped as idle.")
  int activity(
      @Parameters(paramLabel = "USER", description = "The user's id, a lower-case UUID.")
          UserId user,
      @Option(names = "--json", description = "Print the event as JSON.") boolean json)
      throws CommandException, InterruptedException {
    try (KafkaLog log = log()) {
      return new ActivityCommand(console, log).run(user, json);
    }
  }

  @Command(
      description = {
        "Publish a record as it is, unchecked, to one of the inputs.",
        "For trying what becomes of bad input; 'ensure' and 'activity' publish good one."
      })
  int publish(
      @Parameters(paramLabel = "TOPIC", description = "ensure or activity.") InputTopic topic,
      @Parameters(paramLabel = "KEY", description = "The record's key.") String key,
      @Parameters(paramLabel = "VALUE", description = "The record's value.") String value)
      throws CommandException, InterruptedException {
    try (KafkaLog log = log()) {
      RecordMetadata at =
          log.publish(
              topic == InputTopic.ensure ? Topic.ENSURE : Topic.ACTIVITY,
              key.getBytes(StandardCharsets.UTF_8),
              value.getBytes(StandardCharsets.UTF_8),
              new RecordHeaders());
      console.out().println("published " + at);
      return ExitCode.OK;
    }
  }

  /** As they are typed. */
  enum InputTopic {
    ensure,
    activity
  }

  @Command(description = "Follow all topics, one line per event, until Ctrl-C.")
  int watch(
      @Option(names = "--from-beginning", description = "Begin with the oldest records kept.")
          boolean fromBeginning,
      @Option(names = "--user", paramLabel = "USER", description = "Only this user's records.")
          @Nullable UserId user,
      @Option(names = "--count", paramLabel = "N", description = "End after so many lines.")
          @Nullable Integer count,
      @Option(names = "--json", description = "One JSON object per line.") boolean json)
      throws CommandException, InterruptedException {
    try (KafkaLog log = log()) {
      return new WatchCommand(console, log).run(fromBeginning, user, count, json);
    }
  }

  @Command(description = "List the sandboxes on this engine, of every worker.")
  int ps(@Option(names = "--json", description = "One JSON array.") boolean json)
      throws CommandException, InterruptedException {
    WorkerConfig config = config();
    try (Engine engine = engines.apply(config);
        KafkaLog log = new KafkaLog(config.kafka())) {
      return new PsCommand(console, engine, log, config).run(json);
    }
  }

  @Command(
      description = {
        "Look whether this host, its engine and its Kafka are fit for sandboxes; change nothing.",
        "Exit code 1 if something must be mended before a worker can keep its promises."
      })
  int doctor(@Option(names = "--json", description = "One JSON object.") boolean json)
      throws CommandException, InterruptedException {
    return new DoctorCommand(console, config()).run(json);
  }

  @Command(description = "Remove a worker's sandboxes from this engine and announce them reaped.")
  int purge(
      @Option(names = "--worker", paramLabel = "ID", description = "Whose (default: this host's).")
          @Nullable String worker,
      @Option(
              names = {"-y", "--yes"},
              description = "Don't ask.")
          boolean yes,
      @Option(names = "--force", description = "Even though that worker seems to be running.")
          boolean force)
      throws CommandException, InterruptedException {
    WorkerConfig config = config();
    try (Engine engine = engines.apply(config);
        KafkaLog log = new KafkaLog(config.kafka())) {
      WorkspaceMount root = WorkspaceMount.asItIs(config.workspaceRoot());
      return new PurgeCommand(console, engine, log, config, id -> new MountedSlots(root, id))
          .run(worker, yes, force);
    }
  }

  /** The topics. */
  @Command(name = "topics", description = "Check or create the topics.")
  final class Topics {
    @Command(description = "Check that all topics are there and as the workers need them.")
    int check() throws CommandException, InterruptedException {
      return new TopicsCommand(console, config().kafka()).run(false);
    }

    @Command(description = "Create the topics that are missing, then check them all.")
    int create() throws CommandException, InterruptedException {
      return new TopicsCommand(console, config().kafka()).run(true);
    }
  }

  /** A log of its own, for commands without a worker. */
  private KafkaLog log() throws CommandException {
    return new KafkaLog(config().kafka());
  }

  /** Reads the settings when a command needs them. */
  interface Configuration {
    WorkerConfig read() throws CommandException;
  }

  private WorkerConfig config() throws CommandException {
    Logging.configureForCommand(verbose);
    return config(console.env());
  }

  /** Reads the settings, or ends the command with all that is wrong with them. */
  public static WorkerConfig config(Map<String, String> env) throws CommandException {
    try {
      return WorkerConfig.fromEnvironment(env);
    } catch (ConfigException e) {
      throw new CommandException(ExitCode.CONFIG, e.getMessage(), e);
    }
  }

  static DockerEngine engine(WorkerConfig config) {
    return DockerEngine.fromEnvironment(
        new DockerEngineSettings(
            config.limits().engineTimeout(),
            config.limits().readyTimeout(),
            config.limits().pullTimeout(),
            config.lifecycle().firewallInterval(),
            config.limits().lookupConcurrency()),
        SandboxMetrics.NONE);
  }

  private int report(Exception e) {
    if (e instanceof CommandException expected) {
      console.err().println(e.getMessage());
      trace(e);
      return expected.exitCode();
    }
    if (e instanceof InterruptedException) {
      console.err().println("interrupted");
      return ExitCode.FAILED;
    }
    console.err().println("this should not have happened, please report it: " + e);
    trace(e);
    return ExitCode.SOFTWARE;
  }

  private void trace(Exception e) {
    if (verbose) {
      e.printStackTrace(console.err());
    }
  }

  private int reportUsage(ParameterException e, String[] args) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    console.err().println(e.getMessage());
    console.err().println("Try '" + command + " --help'.");
    return ExitCode.USAGE;
  }

  private static final class UserConverter implements ITypeConverter<UserId> {
    @Override
    public UserId convert(String text) {
      try {
        return UserId.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }

  private static final class DurationConverter implements ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      Duration duration = Durations.parse(text);
      if (duration == null || !duration.isPositive()) {
        throw new TypeConversionException("write a duration such as 300 (seconds), 90s, 5m or 2h");
      }
      return duration;
    }
  }

  /** Taken from the jar's manifest. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Cli.class.getPackage().getImplementationVersion();
      return new String[] {"zcbot sandbox " + (version == null ? "development" : version)};
    }
  }
}
