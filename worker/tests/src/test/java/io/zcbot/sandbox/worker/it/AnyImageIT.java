/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.Mount;
import io.zcbot.sandbox.client.ClientOptions;
import io.zcbot.sandbox.client.EnsureOptions;
import io.zcbot.sandbox.client.FileEntry;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxFileException;
import io.zcbot.sandbox.client.SandboxFiles;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.ForeignImage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sandboxes of images that have nothing of ours: one of busybox and musl, and one with nothing but
 * a shell. {@link ProfilesIT} has only images that were built from ours.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Order(20)
class AnyImageIT {
  private Deployment deployment;
  private Path file;
  private WorkerProcess worker;
  private SandboxClient client;

  @BeforeAll
  void deploy() throws Exception {
    file = Files.createTempFile("zcbot-any-image-", ".yaml");
    Files.writeString(
        file,
        """
        profiles:
          busybox:
            image: %s
            memory: 96MiB
            tmp: 32MiB
            warm: 1
            environment: {LEVEL: profile}
          shell:
            image: %s
            memory: 96MiB
            network: {egress: 192.0.2.0/24}
        """
            .formatted(ForeignImage.BUSYBOX.made(), ForeignImage.SHELL.made()));
    deployment =
        new Deployment()
            .with("ZCBOT_PROFILES", file.toString())
            .with("ZCBOT_RESTART", "adopt")
            .withOps();
    worker = WorkerProcess.start(deployment, "one");
    deployment.watch();
    Map<String, String> environment = deployment.environment("client");
    client =
        SandboxClient.connect(
            Map.of("bootstrap.servers", environment.get("ZCBOT_KAFKA_BOOTSTRAP_SERVERS")),
            ClientOptions.defaults().withTopicPrefix(environment.get("ZCBOT_TOPIC_PREFIX")));
  }

  @AfterAll
  void leaveNothing() throws Exception {
    try {
      if (client != null) {
        client.close();
      }
      if (worker != null) {
        worker.close();
      }
    } finally {
      if (deployment != null) {
        deployment.close();
      }
      Files.deleteIfExists(file);
    }
  }

  private Ready ensured(UserId user, String profile) throws Exception {
    String id = UUID.randomUUID().toString();
    deployment
        .agent()
        .send(
            Topic.ENSURE,
            user,
            AgentService.json(user, "'event_id':'" + id + "','profile':'" + profile + "'"));
    return assertThat(deployment.log().awaitAnswer(id, Deployment.SOON))
        .asInstanceOf(type(Ready.class))
        .actual();
  }

  private Exited ran(UserId user, String fields) throws Exception {
    String id = UUID.randomUUID().toString();
    deployment.agent().exec(user, id, fields);
    return deployment.log().awaitExited(id);
  }

  private String output(UserId user, String fields) throws Exception {
    Exited exited = ran(user, fields);
    assertThat(exited.reason()).as("%s", exited.message()).isEqualTo(Exited.Reason.EXITED);
    return String.valueOf(Objects.requireNonNull(exited.stdout()).text()).strip();
  }

  private void awaitSlot() {
    await("a slot")
        .atMost(Deployment.SOON)
        .until(() -> deployment.ops().metric("zcbot_profile_slots_idle{profile=\"busybox\"}") == 1);
  }

  @Test
  @Order(1)
  void commandsOfTheImageRunAndNothingThatItStartsByItself() throws Exception {
    awaitSlot();
    UserId user = Deployment.newUser();
    Ready ready = ensured(user, "busybox");
    assertThat(ready.outcome()).as("from its warm slot").isEqualTo(Ready.Outcome.CLAIMED);

    assertThat(output(user, "'command':['hello-musl']")).isEqualTo("musl");
    assertThat(output(user, "'command':['sh','-c','echo $LEVEL; readlink /proc/$$/exe; pwd']"))
        .isEqualTo("profile\n/bin/busybox\n/workspace");
    assertThat(output(user, "'shell':'a=(1 2); echo ${#a[@]} $ENV $LD_PRELOAD; id -u'"))
        .as("a script for bash, which the image has not, without the image's variables")
        .matches("2\\R[1-9]\\d*");
    assertThat(output(user, "'command':['cat','/proc/1/comm']")).isEqualTo("zcbot-runner");
    assertThat(output(user, "'command':['stty','size'],'tty':{'columns':100,'rows':30}"))
        .isEqualTo("30 100");
    assertThat(output(user, "'shell':'ls /tmp'")).as("its health check did not run").isEmpty();
    assertThat(ran(user, "'command':['python3','-c','1']").message()).contains("python3");

    InspectContainerResponse container = deployment.host().inspect(ready.containerId());
    assertThat(container.getConfig().getUser()).isNotEqualTo("0:0");
    Mount runtime =
        Objects.requireNonNull(container.getHostConfig().getMounts()).stream()
            .filter(each -> "/usr/local/lib/zcbot".equals(each.getTarget()))
            .findFirst()
            .orElseThrow();
    assertThat(runtime.getSource()).matches("zcbot-runtime-[0-9a-f]{64}");
    assertThat(runtime.getReadOnly()).isTrue();
    assertThat(ran(user, "'shell':'echo x >/usr/local/lib/zcbot/zcbot-runner'").exitCode())
        .isNotZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"busybox", "shell"})
  @Order(2)
  void filesGoInAndOut(String profile) throws Exception {
    UserId user = Deployment.newUser();
    client.sandbox(user).ensure(EnsureOptions.DEFAULT.withProfile(profile));
    SandboxFiles files = client.sandbox(user).files();
    byte[] big = new byte[(9 << 20) + 17]; // in several commands
    new Random(2).nextBytes(big);
    files.write("deep/er/big", big);
    files.write("deep/a name\nof two lines", "small".getBytes(StandardCharsets.UTF_8));

    assertThat(Arrays.equals(files.readAllBytes("deep/er/big"), big)).isTrue();
    List<FileEntry> entries = files.list("deep");
    assertThat(entries)
        .extracting(FileEntry::name)
        .containsExactlyInAnyOrder("er", "a name\nof two lines");
    assertThat(entries)
        .extracting(FileEntry::kind)
        .containsExactlyInAnyOrder(FileEntry.Kind.DIRECTORY, FileEntry.Kind.FILE);
    assertThat(
            output(
                user, "'shell':'[[ $(<\\\"deep/a name\\nof two lines\\\") == small ]]; echo $?'"))
        .isEqualTo("0");
    assertThatThrownBy(() -> files.readAllBytes("missing"))
        .isInstanceOf(SandboxFileException.class)
        .hasMessageContaining("no such file");
    assertThatThrownBy(() -> files.write("deep/er", big))
        .isInstanceOf(SandboxFileException.class)
        .hasMessageContaining("directory");
    files.remove("deep");
    assertThat(files.list("/workspace")).isEmpty();
  }

  @Test
  @Order(3)
  void aShellIsAllThatAnImageNeeds() throws Exception {
    UserId user = Deployment.newUser();
    assertThat(ensured(user, "shell").profile()).isEqualTo("shell");
    assertThat(output(user, "'command':['sh','-c','echo 1 >file; read a <file; echo $a']"))
        .isEqualTo("1");
    assertThat(output(user, "'shell':'cat file; ls /'")).startsWith("1\n").contains("workspace");
    assertThat(ran(user, "'shell':'exec 3<>/dev/tcp/169.254.169.254/80'").exitCode())
        .as("the host's firewall is in force")
        .isNotZero();
  }

  @Test
  @Order(4)
  void aRestartedWorkerAdoptsThem() throws Exception {
    UserId created = Deployment.newUser();
    Ready shell = ensured(created, "shell");
    awaitSlot();
    UserId claimed = Deployment.newUser();
    Ready busybox = ensured(claimed, "busybox");

    worker.close();
    worker = WorkerProcess.start(deployment, "one");

    for (Ready before : List.of(shell, busybox)) {
      Ready after = deployment.agent().ensured(before.userId());
      assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(after.containerId()).isEqualTo(before.containerId());
    }
    assertThat(output(claimed, "'command':['hello-musl']")).isEqualTo("musl");
    assertThat(output(created, "'shell':'echo on'")).isEqualTo("on");

    deployment.agent().release(claimed);
    deployment
        .log()
        .await(
            "the release",
            Deployment.SOON,
            () ->
                deployment.log().reaped(claimed).stream()
                    .anyMatch(each -> each.reason() == Reaped.Reason.REQUESTED));
    await("the removal")
        .atMost(Deployment.SOON)
        .until(() -> !deployment.host().exists(busybox.containerId()));
  }
}
