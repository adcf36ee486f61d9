/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static io.zcbot.sandbox.worker.cli.CliProcess.read;
import static io.zcbot.sandbox.worker.cli.CliProcess.type;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.mounts.MappedWorkspaces;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Uses sandboxes from the command line, with a worker on a real engine and Kafka. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CommandLineIT {
  private static final int PATIENCE_SECONDS = 90;

  @TempDir private Path here;
  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment();
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private record Ran(int exitCode, byte[] out, String err) {
    String text() {
      return new String(out, StandardCharsets.UTF_8);
    }
  }

  private Ran sandbox(String... args) {
    return sandbox(new byte[0], args);
  }

  private Ran sandbox(byte[] in, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    StandardStreams streams =
        new StandardStreams(new ByteArrayInputStream(in), out, err, false, false, false);
    Map<String, String> env = new HashMap<>(deployment.environment("a"));
    env.put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "60000"); // as in CliProcess
    Console console =
        new Console(
            env,
            new PrintWriter(out, true, StandardCharsets.UTF_8),
            new PrintWriter(err, true, StandardCharsets.UTF_8),
            false);
    int code = Cli.commandLine(console, Cli::engine, () -> streams).execute(args);
    return new Ran(code, out.toByteArray(), err.toString(StandardCharsets.UTF_8));
  }

  private static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    new Random(count).nextBytes(bytes);
    return bytes;
  }

  @Test
  void aCommandMakesItsSandboxAndItsStreamsAndExitCodeArePassedOn() throws Exception {
    String user = Deployment.newUser().toString();
    Ran ran = sandbox("exec", user, "--", "sh", "-c", "id -un; echo oops >&2; exit 42");
    assertThat(ran.exitCode()).as(ran.err()).isEqualTo(42);
    assertThat(ran.text()).isEqualTo("sandbox\n");
    assertThat(ran.err()).isEqualTo("oops\n");

    byte[] in = bytes(3_000_000);
    Ran cat = sandbox(in, "exec", "-i", user, "cat");
    assertThat(cat.exitCode()).as(cat.err()).isZero();
    assertThat(cat.out()).isEqualTo(in);

    Ran json =
        sandbox("exec", "--json", "-e", "A=b c", "-w", "/tmp", "--shell", user, "pwd; echo $A");
    assertThat(json.exitCode()).isZero();
    assertThat(json.text()).contains("\"stdout\":\"/tmp\\nb c\\n\"", "\"exit_code\":0");
  }

  @Test
  void otherEndsHaveCodesOfTheirOwn() {
    String user = Deployment.newUser().toString();
    Ran none = sandbox("exec", "--no-ensure", user, "true");
    assertThat(none.exitCode()).isEqualTo(ExitCode.NOT_RUN);
    assertThat(none.err()).contains("the user has no sandbox");

    Ran slow = sandbox("exec", "--timeout", "1s", user, "sleep", "60");
    assertThat(slow.exitCode()).isEqualTo(ExitCode.TIMED_OUT);
    assertThat(slow.err()).isEqualTo("the command ran into its time-out of 1 s and was killed\n");

    Ran unknown = sandbox("exec", user, "no-such-program");
    assertThat(unknown.exitCode()).isEqualTo(ExitCode.NOT_FOUND);
    assertThat(unknown.err())
        .contains("the command did not run: the program 'no-such-program'")
        .contains("no such file or directory");

    assertThat(sandbox("exec", user, "echo hi && ls").err()).endsWith("add --shell\n");

    assertThat(sandbox("exec", "--shell", user, "kill -TERM $$").exitCode()).isEqualTo(128 + 15);

    Ran cut = sandbox("exec", "--max-output", "1000", "--shell", user, "yes | head -c 100000");
    assertThat(cut.out()).hasSize(1000);
    assertThat(cut.exitCode()).isEqualTo(ExitCode.OUTPUT_CUT);
    assertThat(cut.err()).contains("its output was cut off");
  }

  @Test
  void filesAndDirectoriesGoInAndOut() throws Exception {
    UserId user = Deployment.newUser();
    Path project = Files.createDirectories(here.resolve("project/src"));
    Files.writeString(project.resolve("main.py"), "print(open('src/data', 'rb').read()[:3])");
    byte[] data = bytes(9_000_000);
    Files.write(project.resolve("data"), data);

    Ran in = sandbox("cp", here.resolve("project").toString(), user + ":");
    assertThat(in.exitCode()).as(in.err()).isZero();
    Ready ready = deployment.log().awaitReady(user, 1);
    Path workspace = Path.of(ready.environment().workspace());
    assertThat(workspace.resolve("project/src/data")).hasBinaryContent(data);
    Ran hidden = sandbox("exec", user.toString(), "ls", "-A");
    assertThat(hidden.text()).isEqualTo("project\n");

    var _ = sandbox("exec", "--shell", user.toString(), "ln -s /etc/passwd project/link");
    Ran out = sandbox("cp", user + ":project", here.resolve("back").toString());
    assertThat(out.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(out.err()).isEqualTo("1 links, devices or pipes were not copied\n");
    assertThat(here.resolve("back/src/data")).hasBinaryContent(data);
    assertThat(here.resolve("back/link")).doesNotExist();

    Ran file = sandbox("cp", user + ":project/src/data", here.resolve("data").toString());
    assertThat(file.exitCode()).as(file.err()).isZero();
    assertThat(here.resolve("data")).hasBinaryContent(data);
    Ran piped = sandbox("piped".getBytes(StandardCharsets.UTF_8), "cp", "-", user + ":/tmp/p");
    assertThat(piped.exitCode()).as(piped.err()).isZero();
    assertThat(sandbox("cp", user + ":/tmp/p", "-").text()).isEqualTo("piped");
    assertThat(sandbox("exec", "--shell", user.toString(), "ls -A /tmp | grep cp").text())
        .isEmpty();
    assertThat(sandbox("cp", here.resolve("data").toString(), user + ":/etc/x").err())
        .contains("'/etc/x' in the sandbox: ", "not permitted", "/workspace");
  }

  @Test
  void runningCommandsAreCountedAndAReleaseEndsThem() throws Exception {
    String user = Deployment.newUser().toString();
    assertThat(sandbox("exec", "-d", "--timeout", "600s", user, "sleep", "600").exitCode())
        .isZero();
    await()
        .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
        .untilAsserted(
            () ->
                assertThat(sandbox("ps", "--all-hosts").text())
                    .containsPattern(user + "  default +a +\\S+ +\\S+ +\\S+ +1 "));
    assertThat(sandbox("get", user).text()).contains("Commands:     1 running");

    Ran released = sandbox("release", "--wait", user);
    assertThat(released.exitCode()).as(released.err()).isZero();
    assertThat(released.text()).startsWith("reaped  requested");
    await()
        .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
        .untilAsserted(
            () ->
                assertThat(sandbox("get", user).text())
                    .contains("Commands:     0 running", "sandbox_gone"));
    assertThat(sandbox("release", "--wait", user).err()).contains("has no sandbox");
  }

  private Process process(String... command) throws IOException {
    return CliProcess.start(deployment.environment("a"), PATIENCE_SECONDS, command);
  }

  @Test
  void ctrlCInterruptsTheCommand() throws Exception {
    // Whoever started the tests may ignore the signal, and processes inherit that.
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    command.addAll(CliProcess.java());
    command.addAll(List.of("exec", "--shell", Deployment.newUser().toString()));
    command.add("trap 'echo got it; exit 9' INT; echo ready; while :; do sleep 0.1; done");
    Process process = process(command.toArray(String[]::new));
    try {
      var _ = read(process, "ready\n");
      CliProcess.signal(process, "INT");
      var _ = read(process, "got it\n");
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(9);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void watchEndsWithAnErrorOnAFullDiskOnly() throws Exception {
    assertThat(sandbox("ensure", Deployment.newUser().toString()).exitCode()).isZero();
    String watch = String.join(" ", CliProcess.java()) + " watch --from-beginning";

    Process onFullDisk = process("bash", "-c", watch + " > /dev/full");
    assertThat(onFullDisk.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(onFullDisk.exitValue()).isEqualTo(ExitCode.FAILED);
    assertThat(new String(onFullDisk.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .contains("standard output could not be written", "check the free disk space");

    Process intoPipe = process("bash", "-c", watch + " | head -n 1; exit ${PIPESTATUS[0]}");
    // What comes once the reader has gone is what tells watch so.
    await()
        .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
        .until(
            () -> {
              assertThat(sandbox("activity", Deployment.newUser().toString()).exitCode()).isZero();
              return !intoPipe.isAlive();
            });
    assertThat(intoPipe.exitValue()).isEqualTo(ExitCode.OK);
  }

  @Test
  void whoTypesIsOnATerminalOfTheSandbox() throws Exception {
    String line =
        "stty rows 30 cols 100; "
            + String.join(" ", CliProcess.java())
            + " exec -it "
            + Deployment.newUser()
            + " bash --norc; echo code $?";
    Process process = process("script", "-qec", line, "/dev/null");
    try {
      var _ = read(process, "$ ");
      type(process, "stty size; tty; id -un\r");
      assertThat(read(process, "sandbox\r\n")).contains("30 100\r\n", "/dev/pts/");
      // Ctrl-C is the shell's.
      type(process, "sleep 60\r");
      var _ = read(process, "sleep 60");
      type(process, "\u0003echo ba''ck\r");
      var _ = read(process, "back\r\n");
      type(process, "exit 5\r");
      var _ = read(process, "code 5");
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /** More than fits into /tmp, so that it is packed in the workspace: up to the limit. */
  @Test
  void aDirectoryThatIsTooBigDoesNotFillTheWorkspace() throws Exception {
    UserId user = Deployment.newUser();
    assertThat(
            sandbox("exec", user.toString(), "--", "sh", "-c", "mkdir d; truncate -s 1T d/big")
                .exitCode())
        .isZero();

    Ran copy = sandbox("cp", "--max-size", "64m", user + ":d", here.resolve("d").toString());

    assertThat(copy.exitCode()).isNotZero();
    assertThat(copy.err()).contains("an archive of it has more than 65537 KiB", "--max-size");
    assertThat(sandbox("exec", user.toString(), "--", "sh", "-c", "ls -A . /tmp").text())
        .contains("d")
        .doesNotContain(".sandbox-cp");
  }

  /**
   * Two containers of a worker that is gone: the live table lists one, and the user of the other is
   * served by another worker by now.
   */
  @Test
  void aPurgeLeavesTheTablesOfUsersWhomAnotherWorkerServesAlone() throws Exception {
    String gone = deployment.workerId("gone");
    UserId served = Deployment.newUser();
    Ready ready = deployment.agent().ensured(served);
    String left = left(served, gone);
    UserId listed = Deployment.newUser();
    String open = left(listed, gone);
    EventCodec codec = new EventCodec();
    deployment
        .agent()
        .send(
            new ProducerRecord<>(
                deployment.topic(Topic.LIVE),
                deployment.partitionOf(listed),
                codec.liveKey(listed, open),
                codec.encodeLive(new LiveSandbox(listed, open, "gone", gone, Instant.now()))));

    Ran purge = sandbox("purge", "--yes", "--worker", gone);

    assertThat(purge.err()).isEmpty();
    assertThat(purge.exitCode()).isZero();
    assertThat(purge.text()).contains("purged 2 of 2");
    Reaped reaped = deployment.log().awaitReaped(listed, Deployment.SOON);
    assertThat(reaped.containerId()).isEqualTo(open);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
    assertThat(deployment.log().reaped(served)).isEmpty();
    assertThat(List.of(left, open)).noneMatch(deployment.host()::exists);
    assertThat(deployment.host().isRunning(ready.containerId())).isTrue();
    assertThat(isCurrent(served)).isTrue();
  }

  /** It was killed while the sandbox started, and its host has a worker with another id since. */
  @Test
  void aPurgeUnmountsAWorkspaceThatAWorkerLeftMounted() throws Exception {
    String gone = deployment.workerId("gone");
    UserId user = Deployment.newUser();
    Workspaces workspaces = Workspaces.open(deployment.workspaces());
    Path workspace = workspaces.prepare(user);
    try (WorkspaceMount root = WorkspaceMount.prepare(deployment.workspaces());
        IdMaps maps = new IdMaps(Workspaces.Owner.UNMAPPED, false)) {
      var _ = new MappedWorkspaces(root, maps, gone).show(user, 70_001);
    }
    assertThat(Mounts.beneath(workspace)).hasSize(1);

    Ran purge = sandbox("purge", "--yes", "--worker", gone);

    assertThat(purge.err()).isEmpty();
    assertThat(purge.exitCode()).isZero();
    assertThat(Mounts.beneath(workspace)).isEmpty();
    assertThat(deployment.workspaces().resolve(".slots/.views/" + gone)).isEmptyDirectory();
    var _ = deployment.agent().ensured(user);
  }

  /** Somebody removed its containers by hand. One slot has a file that is nobody's to delete. */
  @Test
  void aPurgeUnmountsSlotsWhoseContainersAreGone() throws Exception {
    String gone = deployment.workerId("gone");
    UserId user = Deployment.newUser();
    Path workspace = Workspaces.open(deployment.workspaces()).prepare(user);
    Path hers = Files.writeString(workspace.resolve("file"), "hers");
    Path slots = SlotMounts.directory(deployment.workspaces(), gone);
    Path kept = slots.resolve("s0").resolve("file");
    try (WorkspaceMount root = WorkspaceMount.prepare(deployment.workspaces());
        IdMaps maps = new IdMaps(Workspaces.Owner.UNMAPPED, false)) {
      MountedSlots left = new MountedSlots(root, maps, gone, FileCalls.DIRECT);
      for (int i = 0; i < 4; i++) {
        try (SlotMounts.Directory slot = left.create("s" + i)) {
          slot.mount(user);
        }
      }
    }
    Files.writeString(kept, "somebody's");
    assertThat(Mounts.beneath(slots)).hasSize(4);

    Ran purge = sandbox("purge", "--yes", "--worker", gone);

    assertThat(purge.err()).contains("some slots may stay mounted", "/s0");
    assertThat(purge.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(Mounts.beneath(slots)).isEmpty();
    assertThat(Mounts.slots(deployment.workspaces(), gone)).containsExactly(slots.resolve("s0"));
    assertThat(hers).hasContent("hers");
    assertThat(kept).hasContent("somebody's");
    Files.delete(kept);
  }

  /** A container of a user, with another name than that of the user's sandbox. */
  private String left(UserId user, String workerId) {
    return deployment
        .host()
        .runByHand(
            deployment.id() + "-" + user,
            Map.of(
                "zcbot.product",
                "sandbox",
                "zcbot.user_id",
                user.toString(),
                "zcbot.worker",
                workerId));
  }

  private boolean isCurrent(UserId user) throws Exception {
    String topic = deployment.topic(Topic.CURRENT);
    AtomicBoolean isCurrent = new AtomicBoolean();
    try (KafkaLog log = new KafkaLog(deployment.config("a").kafka());
        RangeReader reader = log.ranges(Topic.CURRENT)) {
      reader
          .log()
          .read(
              topic,
              List.of(deployment.partitionOf(user)),
              Instant.EPOCH,
              record -> {
                if (new String(record.key(), StandardCharsets.UTF_8).equals(user.toString())) {
                  isCurrent.set(record.value() != null);
                }
              });
    }
    return isCurrent.get();
  }
}
