/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static io.zcbot.sandbox.worker.cli.CliProcess.read;
import static io.zcbot.sandbox.worker.cli.CliProcess.type;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands, copies and releases through a real broker. The test plays the worker. */
class ExecCommandIT {
  private static final int PARTITIONS = 4;
  private static final int PATIENCE_SECONDS = 60;

  @TempDir private static Path data;
  private static Path sandbox;
  private static EmbeddedBroker broker;
  private static PlayedWorker worker;
  private static Map<String, String> env;

  private final UserId user = new UserId(UUID.randomUUID());
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private byte[] in = {};

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.start(data.resolve("kafka"), 0);
    sandbox = Files.createDirectory(data.resolve("sandbox"));
    env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
            "ZCBOT_TOPICS_PARTITIONS", Integer.toString(PARTITIONS),
            "ZCBOT_OPS_ADDRESS", "off");
    StringWriter said = new StringWriter();
    PrintWriter to = new PrintWriter(said, true);
    assertThat(Cli.commandLine(new Console(env, to, to, false)).execute("topics", "create"))
        .as(said.toString())
        .isZero();
    worker = new PlayedWorker(log(), sandbox);
  }

  @AfterAll
  static void stop() throws Exception {
    worker.close();
    broker.close();
  }

  private static KafkaLog log() throws Exception {
    return new KafkaLog(WorkerConfig.fromEnvironment(env).kafka());
  }

  private int sandbox(String... args) {
    StandardStreams streams =
        new StandardStreams(new ByteArrayInputStream(in), out, err, false, false, false);
    Console console =
        new Console(
            env,
            new PrintWriter(out, true, StandardCharsets.UTF_8),
            new PrintWriter(err, true, StandardCharsets.UTF_8),
            false);
    return Cli.commandLine(console, Cli::engine, () -> streams).execute(args);
  }

  private int exec(String... command) {
    List<String> args = new ArrayList<>(List.of("exec", "-i", user.toString(), "--"));
    args.addAll(List.of(command));
    return sandbox(args.toArray(String[]::new));
  }

  private static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    new Random(count).nextBytes(bytes);
    return bytes;
  }

  private List<Input> inputs() {
    return worker.received().stream()
        .filter(event -> event.userId().equals(user))
        .flatMap(
            event ->
                event instanceof Input input ? List.of(input).stream() : List.<Input>of().stream())
        .toList();
  }

  @Test
  void inputOutputErrorsAndExitCodePassThroughTheTopics() {
    in = "one\ntwo\n".getBytes(StandardCharsets.UTF_8);
    assertThat(exec("sh", "-c", "tr a-z A-Z; echo oops >&2; exit 42")).isEqualTo(42);
    assertThat(out).hasToString("ONE\nTWO\n");
    assertThat(err).hasToString("oops\n");
  }

  @Test
  void bytesStayWhatTheyAre() {
    in = bytes(3_000_000);
    assertThat(exec("cat")).as(err.toString()).isZero();
    assertThat(out.toByteArray()).isEqualTo(in);
  }

  /** The thread that reads the input outlives the command, and finds Kafka's client closed. */
  @Test
  void inputThatNobodyReadsLeavesNoStackTrace() throws Exception {
    Process process =
        process("sh", "-c", "yes | " + java() + "exec -i " + user + " -- sh -c 'exit 3' 2>&1");
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(said).isEmpty();
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(3);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void jsonIsTheEventAndTheExitCodeStays() {
    assertThat(sandbox("exec", "--json", "-e", "A=b", user.toString(), "sh", "-c", "exit 3"))
        .isEqualTo(3);
    assertThat(out.toString()).contains("\"reason\":\"exited\"", "\"exit_code\":3");
    assertThat(out.toString().lines()).hasSize(1);
  }

  @Test
  void whatIsDetachedIsSeenByGet() {
    assertThat(sandbox("exec", "-d", user.toString(), "true")).isZero();
    String id = out.toString().strip();
    out.reset();
    assertThat(sandbox("get", user.toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("Commands:     0 running", "true, by cli", id);
  }

  @Test
  void filesAndDirectoriesAreCopied() throws Exception {
    Path here = Files.createDirectories(data.resolve("here-" + user + "/sub"));
    byte[] bytes = bytes(5_000_000);
    Files.write(here.resolve("big"), bytes);
    String place = user + ":" + user;

    assertThat(sandbox("cp", here.getParent().toString(), place)).as(err.toString()).isZero();
    assertThat(sandbox.resolve(user + "/sub/big")).hasBinaryContent(bytes);
    assertThat(sandbox("cp", place + "/sub", data.resolve(user.toString()).toString()))
        .as(err.toString())
        .isZero();
    assertThat(data.resolve(user + "/big")).hasBinaryContent(bytes);
    assertThat(sandbox("cp", place + "/nothing", "x")).isEqualTo(ExitCode.FAILED);
    assertThat(err.toString()).contains("no such file or directory").doesNotContain("dd:");
    err.reset();
    assertThat(sandbox("cp", here + "/nothing", place)).isEqualTo(ExitCode.FAILED);
    assertThat(err.toString()).contains("/nothing': there is no such file or directory on this");
  }

  @Test
  void aReleaseWaitsForTheReaped() throws Exception {
    assertThat(sandbox("release", "--wait", user.toString())).isZero();
    assertThat(err.toString()).contains("the user has no sandbox");
    try (KafkaLog log = log()) {
      put(
          log,
          Topic.LIVE,
          new EventCodec().liveKey(user, "c1"),
          new EventCodec().encodeLive(new LiveSandbox(user, "c1", "h1", "w1", Instant.now())));
    }
    assertThat(sandbox("release", "--wait", "--container", "c2", user.toString())).isZero();
    assertThat(err.toString()).contains("this container is not the user's sandbox");
    assertThat(sandbox("release", "--wait", "--container", "c1", user.toString())).isZero();
    assertThat(out.toString()).startsWith("reaped  requested, name (c1) on h1");
    assertThat(worker.received())
        .filteredOn(event -> event.userId().equals(user))
        .singleElement()
        .isInstanceOfSatisfying(
            Release.class,
            release -> {
              assertThat(release.containerId()).isEqualTo("c1");
              assertThat(release.expiresAt()).isEqualTo(release.requestedAt().plusSeconds(60));
            });
  }

  @Test
  void runningCommandsAreCounted() throws Exception {
    EventCodec codec = new EventCodec();
    try (KafkaLog log = log()) {
      for (String exec : List.of("e1", "e2", "e3", "e4")) {
        put(
            log,
            Topic.COMMANDS,
            codec.commandKey(user, exec),
            codec.encodeCommand(entry(exec, false)));
      }
      put(log, Topic.COMMANDS, codec.commandKey(user, "e2"), null);
      put(
          log,
          Topic.COMMANDS,
          codec.commandKey(user, "e3"),
          codec.encodeCommand(entry("e3", true)));
      KnownSandboxes known = KnownSandboxes.read(log, Instant.now().minusSeconds(60));
      assertThat(known.commands(user)).isEqualTo(2);
      assertThat(known.lastUsed()).as("commands are use").containsKey(user);
    }
  }

  private CommandEntry entry(String execId, boolean answered) {
    return new CommandEntry(
        user,
        execId,
        new KeyPartitions(PARTITIONS).of(user),
        1,
        new ContainerRef("n", "c", "h", "w"),
        Instant.now(),
        answered);
  }

  private void put(KafkaLog log, Topic topic, byte[] key, byte[] value) throws Exception {
    int partition = new KeyPartitions(PARTITIONS).of(user);
    log.send(new ProducerRecord<>(topic.named("sandbox."), partition, key, value));
  }

  private Process process(String... command) throws IOException {
    return CliProcess.start(env, PATIENCE_SECONDS, command);
  }

  private static String java() {
    return String.join(" ", CliProcess.java()) + " ";
  }

  @Test
  void ctrlCIsTheCommandsAndItsSignalIsTheExitCode() throws Exception {
    // Whoever started the tests may ignore the signal, and processes inherit that.
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    command.addAll(CliProcess.java());
    command.addAll(List.of("exec", user.toString(), "--", "env", "--default-signal=INT"));
    command.addAll(List.of("sh", "-c", "echo ready; exec sleep 60"));
    Process process = process(command.toArray(String[]::new));
    try {
      var _ = read(process, "ready\n");
      CliProcess.signal(process, "INT");
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(128 + 2);
    } finally {
      process.destroyForcibly();
    }
    assertThat(inputs())
        .extracting(Input::content)
        .containsExactly(new Input.Content.Signal(CommandSignal.INT));
  }

  @Test
  void whoTypesIsOnARawTerminalThatIsAsBeforeInTheEnd() throws Exception {
    String line =
        "stty rows 30 cols 100; stty -a | md5sum; "
            + java()
            + "exec -it "
            + user
            + " sh -c 'echo ready; head -c 4; exit 5'; echo code $?; stty -a | md5sum";
    Process process = process("script", "-qec", line, "/dev/null");
    try {
      String before = read(process, "ready");
      // In raw mode, Ctrl-C is a key like another one, and nothing waits for a line feed.
      type(process, "a\u0003b\r");
      String after = read(process, "code 5") + read(process, "-");
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(after).contains("a\u0003b\r");
      String mode = before.strip().split("\\s")[0];
      assertThat(mode).hasSize(32);
      assertThat(after).contains(mode);
    } finally {
      process.destroyForcibly();
    }
    assertThat(execs().getFirst().terminal()).isEqualTo(new TerminalSize(100, 30));
  }

  @Test
  void anotherSizeOfTheTerminalIsTold() throws Exception {
    String line = java() + "exec -t " + user + " sh -c 'echo ready; sleep 60'";
    Process process = process("script", "-qec", line, "/dev/null");
    try {
      var _ = read(process, "ready");
      Path terminal =
          Path.of(
              "/proc/" + process.toHandle().children().findFirst().orElseThrow().pid() + "/fd/0");
      new ProcessBuilder(
              "stty",
              "-F",
              Files.readSymbolicLink(terminal).toString(),
              "rows",
              "40",
              "cols",
              "120")
          .start()
          .waitFor();
      // Both numbers may be told one after the other, but nothing twice.
      Input.Content resized = new Input.Content.Resize(new TerminalSize(120, 40));
      await()
          .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
          .untilAsserted(
              () -> assertThat(inputs()).extracting(Input::content).containsOnlyOnce(resized));
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  @Test
  void hostileOutputIsVisibleOnATerminalUnlessItIsWantedRaw() throws Exception {
    String escape = " printf \\\\033[31mred\\\\033[0m";
    Process process = process("script", "-qec", java() + "exec " + user + escape, "/dev/null");
    assertThat(read(process, "0m")).contains("\\x1b[31mred\\x1b[0m");
    Process raw = process("script", "-qec", java() + "exec --raw " + user + escape, "/dev/null");
    assertThat(read(raw, "0m")).contains("\u001b[31mred\u001b[0m");
  }

  private List<Exec> execs() {
    List<Exec> execs = new ArrayList<>();
    for (SandboxEvent event : worker.received()) {
      if (event instanceof Exec exec && exec.userId().equals(user)) {
        execs.add(exec);
      }
    }
    return execs;
  }
}
