/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineProxy;
import io.zcbot.sandbox.worker.testkit.machine.HungFileSystem;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The doctor checks the real engine and a real broker. */
@Tag("engine")
@Tag("kafka")
class DoctorIT {
  @TempDir private Path root;
  private final Map<String, String> env = new HashMap<>();
  private String out;

  @BeforeEach
  void settings() {
    String id = "doctor-" + UUID.randomUUID();
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", KafkaForTests.bootstrapServers());
    env.put("ZCBOT_TOPIC_PREFIX", id + ".");
    env.put("ZCBOT_SANDBOX_NETWORK", id);
    env.put("ZCBOT_WORKER_ID", id);
    env.put("ZCBOT_OPS_ADDRESS", "off");
    env.put("ZCBOT_WORKSPACE_ROOT", root.resolve("workspaces").toString());
  }

  private int doctor(String... more) {
    StringWriter text = new StringWriter();
    String[] args = new String[more.length + 1];
    args[0] = "doctor";
    System.arraycopy(more, 0, args, 1, more.length);
    PrintWriter writer = new PrintWriter(text, true);
    int code = Cli.commandLine(new Console(env, writer, writer, false)).execute(args);
    out = text.toString();
    return code;
  }

  private Map<String, String> levels() throws Exception {
    Map<String, String> levels = new TreeMap<>();
    for (JsonNode check : new JsonMapper().readTree(out).get("checks")) {
      levels.put(check.get("check").asText(), check.get("level").asText());
      assertThat(check.get("detail").asText()).isNotEmpty();
      assertThat(check.has("fix"))
          .as("%s", check)
          .isEqualTo(!"OK".equals(check.get("level").asText()));
    }
    return levels;
  }

  @Test
  void aHostThatIsFitIsSaidToBeAndNothingIsMade() throws Exception {
    assertThat(doctor("--json")).as(out).isZero();
    assertThat(levels())
        .containsEntry("image", "OK")
        .containsEntry("network", "OK")
        .containsEntry("limits", "OK")
        .containsEntry("seccomp", "OK")
        .containsEntry("topics", "OK")
        .containsEntry("kafka-clock", "OK")
        .containsEntry("engine-clock", "OK")
        .containsEntry("workspace-root", "OK")
        .containsKeys("engine", "runc", "cgroups", "mac", "userns", "live-restore", "storage")
        .containsKeys("workspace-quota", "warm-slots", "inotify", "firewall", "open-files")
        .containsKeys("terminals", "asynchronous-io", "socket-memory", "connections")
        .doesNotContainKey("host-limits")
        .containsEntry("commands", "OK");
    assertThat(root).isEmptyDirectory();
    assertThat(doctor()).isZero();
    assertThat(out).contains("OK    image").endsWith("fit to serve" + System.lineSeparator());
  }

  @Test
  void whatIsMissingFailsWithItsFix() throws Exception {
    env.put("ZCBOT_SANDBOX_IMAGE", "zcbot-no-such-image:1");
    env.put("ZCBOT_SANDBOX_RUNTIME", "no-such-runtime");
    env.put("ZCBOT_TOPICS_CREATE", "false");
    assertThat(doctor("--json")).isEqualTo(1);
    assertThat(levels())
        .containsEntry("image", "FAIL")
        .containsEntry("runtime", "FAIL")
        .containsEntry("topics", "FAIL");
    assertThat(doctor()).isEqualTo(1);
    assertThat(out).contains("docker build").contains("not fit to serve");
  }

  /** Shared memory has no project quotas on any kernel. */
  @Test
  @Row(35)
  void aWorkerThatCanNotLimitWorkspacesRefusesToStart() throws Exception {
    Path memory = Files.createTempDirectory(Path.of("/dev/shm"), "zcbot-doctor-");
    try {
      env.put("ZCBOT_WORKSPACE_ROOT", memory.toString());
      env.put("ZCBOT_WORKSPACE_SIZE", "1g");
      assertThat(doctor("--json")).isEqualTo(1);
      assertThat(levels()).containsEntry("workspace-quota", "FAIL").containsKey("quota-hold");
      try (Worker worker = new Worker(WorkerConfig.fromEnvironment(env))) {
        assertThatThrownBy(worker::start)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("could not limit workspaces to 1024 MiB and 65536 files")
            .hasMessageContaining("no project quotas")
            .hasMessageContaining(memory.toString())
            .hasMessageContaining("mounted with prjquota")
            .hasMessageContaining("unset ZCBOT_WORKSPACE_SIZE");
      }
    } finally {
      Commands.run("rm", "-rf", memory.toString());
    }
  }

  /** The engine itself says nothing and discards it. */
  @Row(37)
  @Test
  void aWeightThatTheEngineWouldDiscardIsRefused() throws Exception {
    env.put("ZCBOT_SANDBOX_IO_WEIGHT", "300");
    try (EngineProxy proxy = new EngineProxy()) {
      proxy.replace("\"CgroupVersion\":\"2\"", "\"CgroupVersion\":\"1\"");
      env.put("DOCKER_HOST", proxy.address());
      assertThat(doctor("--json")).isEqualTo(1);
      assertThat(levels()).containsEntry("io-weight", "FAIL");
      try (Worker worker = new Worker(WorkerConfig.fromEnvironment(env))) {
        assertThatThrownBy(worker::start)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("ignores the weight 300")
            .hasMessageContaining("ZCBOT_SANDBOX_IO_WEIGHT");
      }
      env.remove("ZCBOT_SANDBOX_IO_WEIGHT");
      assertThat(doctor("--json")).isZero();
    }
  }

  /** The engine would refuse every sandbox. */
  @Test
  void moreProcessorsThanTheEngineHasAreRefused() throws Exception {
    env.put("ZCBOT_SANDBOX_CPUS", "1024");
    assertThat(doctor("--json")).isEqualTo(1);
    assertThat(levels()).containsEntry("processors", "FAIL");
    try (Worker worker = new Worker(WorkerConfig.fromEnvironment(env))) {
      assertThatThrownBy(worker::start)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("can use 1024.0 processors")
          .hasMessageContaining("set ZCBOT_SANDBOX_CPUS to at most ");
    }
  }

  @Test
  void anImageThatAddsVolumesToSandboxesIsRefused() throws Exception {
    Path directory = Files.createDirectory(root.resolve("image"));
    try (EngineFixture fixture = new EngineFixture(directory, Duration.ofSeconds(60))) {
      env.put("ZCBOT_SANDBOX_IMAGE", fixture.image(directory, "VOLUME /data"));
      assertThat(doctor("--json")).isEqualTo(1);
      assertThat(levels()).containsEntry("image", "OK").containsEntry("volumes", "FAIL");
      try (Worker worker = new Worker(WorkerConfig.fromEnvironment(env))) {
        assertThatThrownBy(worker::start)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("declares volumes (/data)")
            .hasMessageContaining("remove VOLUME from its Dockerfile");
      }
    }
  }

  /** Or the command would hang without a word. */
  @Test
  void aWorkspaceRootThatDoesNotAnswerFails() throws Exception {
    try (HungFileSystem hung = HungFileSystem.at(root.resolve("hung"))) {
      assertThat(hung).isNotNull();
      env.put("ZCBOT_WORKSPACE_ROOT", root.resolve("hung/workspaces").toString());
      assertThat(doctor("--json")).isEqualTo(1);
      assertThat(levels())
          .containsEntry("workspace-root", "FAIL")
          .containsEntry("image", "OK")
          .containsEntry("topics", "OK");
      assertThat(out).contains("no answer from the file system of ", "within 10 s");
    }
  }

  /** The kernel that this process sees is another one, or may be. */
  @Test
  void theLimitsOfAnotherHostAreNotReadHere() throws Exception {
    try (EngineProxy proxy = new EngineProxy()) {
      env.put("DOCKER_HOST", proxy.address());
      assertThat(doctor("--json")).as(out).isZero();
      assertThat(levels())
          .containsEntry("host-limits", "WARN")
          .doesNotContainKeys("terminals", "asynchronous-io", "socket-memory", "inotify")
          .doesNotContainKeys("open-files", "connections");
    }
  }

  @Test
  void aWorkerRefusesAnEngineThatIsNotFit() throws Exception {
    env.put("ZCBOT_SANDBOX_RUNTIME", "no-such-runtime");
    try (Worker worker = new Worker(WorkerConfig.fromEnvironment(env))) {
      assertThatThrownBy(worker::start)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("the engine has no no-such-runtime")
          .hasMessageContaining("ZCBOT_SANDBOX_RUNTIME");
    }
  }
}
