/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.EngineClient;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.config.ConfigException;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineView;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line: knows all commands and handles their errors. A command is created only when it
 * is needed: a process runs one, and reading the annotations of all takes picocli longer than most
 * commands take.
 */
public final class Cli {
  private static final Set<String> VERBOSE = Set.of("-v", "--verbose");
  private static final String SERVERS = "--bootstrap-server";

  /** The commands that connect to no Kafka, or to one of their own. */
  private static final Set<String> WITHOUT_KAFKA =
      Set.of("completion", "help", "image", "standalone");

  private static final Set<String> VERSION = Set.of("-V", "--version");

  private static final String OUT_OF_MEMORY =
      "the program ran out of memory, and what it printed is not complete; give it more, such as"
          + " by JDK_JAVA_OPTIONS=-Xmx4g in the environment";

  /** The JVM's substitute for bytes of an argument that it could not decode. */
  private static final char LOST = '\ufffd';

  private final Console console;
  private final Root root = new Root();
  private final Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
  private final CommandContext context;

  /** The options that can precede the command, or stand alone. */
  @Command(
      name = "sandbox",
      description =
          "Manage sandboxes: one hardened container per user, requested and announced through"
              + " Kafka.",
      synopsisSubcommandLabel = "COMMAND",
      versionProvider = Version.class)
  static final class Root implements GlobalOptions {
    @Option(
        names = {"-h", "--help"},
        usageHelp = true,
        scope = ScopeType.INHERIT,
        description = "Print this help and exit.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean help;

    @Option(
        names = {"-V", "--version"},
        versionHelp = true,
        description = "Print the version and exit.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean version;

    @Option(
        names = {"-v", "--verbose"},
        scope = ScopeType.INHERIT,
        description = "Print more on standard error, including stack traces.")
    private boolean verbose;

    @Option(
        names = SERVERS,
        paramLabel = "HOST:PORT",
        scope = ScopeType.INHERIT,
        converter = Converters.Servers.class,
        description =
            "The Kafka brokers to connect to first, instead of ZCBOT_KAFKA_BOOTSTRAP_SERVERS.")
    private @Nullable String bootstrapServers;

    @Override
    public boolean isVerbose() {
      return verbose;
    }

    @Override
    public @Nullable String bootstrapServers() {
      return bootstrapServers;
    }
  }

  private Cli(
      Console console,
      Function<WorkerConfig, Engine> engines,
      Function<WorkerConfig, EngineView> views,
      Supplier<StandardStreams> streams) {
    this.console = console;
    context = new CommandContext(console, root, engines, views, streams);
    commands.put("run", () -> new RunCommand(context));
    commands.put("ensure", () -> new EnsureCommand(context));
    commands.put("activity", () -> new ActivityCommand(context));
    // Everything after USER belongs to the command, even if it looks like an option.
    commands.put("exec", () -> new CommandLine(new ExecCommand(context)).setStopAtPositional(true));
    commands.put("cp", () -> new CopyCommand(context));
    commands.put("release", () -> new ReleaseCommand(context));
    commands.put("watch", () -> new WatchCommand(context));
    commands.put("ps", () -> new PsCommand.Typed(context));
    commands.put("get", () -> new GetCommand(context));
    commands.put("console", () -> new ConsoleCommand(context));
    commands.put("gateway", () -> new GatewayCommand(context));
    commands.put("mcp", () -> new McpCommand(context));
    commands.put("purge", () -> new PurgeCommand.Typed(context));
    commands.put("doctor", () -> new DoctorCommand(context));
    commands.put("image", () -> new ImageCommand(context));
    commands.put("profiles", () -> new ProfilesCommand(context));
    commands.put("topics", () -> new TopicsCommand(context));
    commands.put("audit", () -> new AuditCommand(context));
    commands.put("usage", () -> new UsageCommand(context));
    commands.put("export", () -> new ExportCommand(context));
    commands.put("publish", () -> new PublishCommand(context));
    commands.put("dead-letters", () -> new DeadLettersCommand(context));
    commands.put("completion", () -> new CompletionCommand(console, this));
    commands.put("help", () -> new HelpCommand(this));
  }

  /** Creates the command line of this process. */
  public static Cli commandLine(Console console) {
    return new Cli(
        console,
        Cli::engine,
        config -> EngineClient.view(config, console.env()),
        StandardStreams::ofProcess);
  }

  static Cli commandLine(Console console, Function<WorkerConfig, Engine> engines) {
    return commandLine(console, engines, StandardStreams::ofProcess);
  }

  static Cli commandLine(
      Console console, Function<WorkerConfig, Engine> engines, Supplier<StandardStreams> streams) {
    return new Cli(console, engines, engines::apply, streams);
  }

  /** Adds a command of this distribution to those that all have. */
  public Cli with(String name, Supplier<Object> command) {
    commands.put(name, command);
    return this;
  }

  /** Runs the command that the arguments name; returns its exit code. */
  public int execute(String... args) {
    String encoding = System.getProperty("sun.jnu.encoding");
    for (String arg : args) {
      if (!StandardCharsets.UTF_8.name().equals(encoding) && arg.indexOf(LOST) >= 0) {
        console
            .err()
            .println(
                "the argument "
                    + EventText.plain(arg)
                    + " is not text in this locale's encoding, "
                    + encoding
                    + "; set LC_ALL=C.UTF-8");
        return ExitCode.USAGE;
      }
    }
    if (args.length == 1 && VERSION.contains(args[0])) {
      console.out().println(Version.text());
      return requireWritten(ExitCode.OK);
    }
    if (args.length == 1 && args[0].equals("console")) {
      return requireWritten(serveConsole());
    }
    Collection<String> needed = needed(args);
    if (needed.size() == 1) {
      // Started ahead, because Kafka's clients wait for it and it takes a tenth of a command's
      // time.
      Thread.ofPlatform().daemon().start(ManagementFactory::getPlatformMBeanServer);
    }
    int code;
    try {
      code = line(needed).execute(args);
    } catch (OutOfMemoryError _) {
      // The JVM's own exit code would be that of violations. 'run' and 'console' are ended by the
      // JVM.
      console.err().println(OUT_OF_MEMORY);
      return ExitCode.SOFTWARE;
    }
    // The reader of 'watch' may close the pipe when it has seen enough. A file can only be full.
    boolean mayLeave = List.copyOf(needed).equals(List.of("watch")) && !Console.isFile();
    return mayLeave ? code : requireWritten(code);
  }

  /** Runs the console without picocli, of which 2 MB would stay in memory while it runs. */
  private int serveConsole() {
    try {
      return new ConsoleCommand(context).call();
    } catch (Exception e) {
      return report(e);
    }
  }

  /** Fails if output was lost: a PrintWriter reports errors only when it is asked. */
  private int requireWritten(int code) {
    if (!console.out().checkError()) {
      return code;
    }
    console
        .err()
        .println(
            "standard output could not be written, and what was printed is not complete;"
                + " check the free disk space, or the program that reads it");
    return code == ExitCode.OK ? ExitCode.FAILED : code;
  }

  /**
   * Returns the command that the arguments name; all commands if help or a suggestion is needed.
   */
  private Collection<String> needed(String[] args) {
    for (int i = 0; i < args.length; i++) {
      if (commands.containsKey(args[i])) {
        return List.of(args[i]);
      }
      if (args[i].equals(SERVERS)) {
        i++; // its value
      } else if (!VERBOSE.contains(args[i]) && !args[i].startsWith(SERVERS + "=")) {
        break;
      }
    }
    return commands.keySet();
  }

  /** The complete command line, with all commands. */
  CommandLine complete() {
    return line(commands.keySet());
  }

  private CommandLine line(Collection<String> names) {
    CommandLine line = new CommandLine(root);
    commands.forEach(
        (name, command) -> {
          if (names.contains(name)) {
            line.addSubcommand(name, command.get());
          }
        });
    WITHOUT_KAFKA.stream()
        .map(line.getSubcommands()::get)
        .filter(Objects::nonNull)
        .map(CommandLine::getCommandSpec)
        .forEach(spec -> spec.remove(spec.findOption(SERVERS)));
    line.setOut(console.out()).setErr(console.err());
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(console.hasColour() ? Ansi.ON : Ansi.OFF));
    line.setExecutionExceptionHandler((e, _, _) -> report(e));
    line.setParameterExceptionHandler((e, _) -> reportUsage(e));
    line.registerConverter(UserId.class, Converters::user);
    line.registerConverter(Duration.class, Converters::duration);
    line.setUsageHelpAutoWidth(console.isTerminal());
    // an argument that begins with @ is passed on, for example to a command in a sandbox
    line.setExpandAtFiles(false);
    HelpText.addTo(line);
    return line;
  }

  /** Reads the settings; if they are not valid, the exception lists all problems. */
  public static WorkerConfig config(Map<String, String> env) throws CommandException {
    try {
      return WorkerConfig.fromEnvironment(env);
    } catch (ConfigException e) {
      throw new CommandException(ExitCode.CONFIG, e.getMessage(), e);
    }
  }

  /** The engine that the environment names; connects only at the first call. */
  static DockerEngine engine(WorkerConfig config) {
    return EngineClient.of(config, SandboxMetrics.NONE);
  }

  private int report(Exception e) {
    if (e instanceof CommandException expected) {
      console.err().println(EventText.lines(String.valueOf(e.getMessage())));
      trace(e);
      return expected.exitCode();
    }
    if (e instanceof InterruptedException) {
      console.err().println("interrupted");
      return ExitCode.FAILED;
    }
    if (e instanceof OutputLostException) {
      return ExitCode.FAILED; // see requireWritten
    }
    console
        .err()
        .println(EventText.lines("the program failed unexpectedly, please report this: " + e));
    trace(e);
    return ExitCode.SOFTWARE;
  }

  private void trace(Exception e) {
    if (root.verbose) {
      StringWriter trace = new StringWriter();
      e.printStackTrace(new PrintWriter(trace));
      console.err().println(EventText.lines(trace.toString().replace("\t", "  ")));
    }
  }

  private int reportUsage(ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    console.err().println(e.getMessage());
    // prints «Did you mean» or «Possible solutions», if anything is similar
    UnmatchedArgumentException.printSuggestions(e, console.err());
    console.err().println("Try '" + command + " --help'.");
    return ExitCode.USAGE;
  }
}
