/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Attacks through the input topics and through the engine, on a whole worker. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ImpostorsIT {
  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().withNetwork().with("ZCBOT_RECONCILE_INTERVAL", "1h");
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  /** Replaces the user's sandbox by a container with its labels, and so its spec hash. */
  private String impostor(Ready of, Consumer<CreateContainerCmd> change) {
    InspectContainerResponse original = deployment.host().inspect(of.containerId());
    deployment.host().docker().removeContainerCmd(of.containerId()).withForce(true).exec();
    try (CreateContainerCmd command =
        deployment.host().docker().createContainerCmd(original.getConfig().getImage())) {
      command
          .withName(of.container().name())
          .withLabels(new HashMap<>(original.getConfig().getLabels()))
          .withUser(original.getConfig().getUser())
          .withEnv(original.getConfig().getEnv())
          .withCmd(original.getConfig().getCmd())
          .withEntrypoint("sleep", "600")
          .withHostConfig(original.getHostConfig());
      change.accept(command);
      String id = command.exec().getId();
      deployment.host().docker().startContainerCmd(id).exec();
      return id;
    }
  }

  private static Consumer<CreateContainerCmd> host(Consumer<HostConfig> change) {
    return command -> change.accept(command.getHostConfig());
  }

  @Row(44)
  @Test
  void whatStandsUnderTheNameInsteadIsReplaced() throws Exception {
    List<Consumer<CreateContainerCmd>> impostors =
        List.of(
            _ -> {},
            host(host -> host.withPrivileged(true)),
            host(host -> host.withReadonlyRootfs(false).withCapDrop()),
            command -> command.withLabels(Map.of("zcbot.product", "somebody-elses")),
            command -> command.withImage("debian:trixie-slim"));
    for (Consumer<CreateContainerCmd> change : impostors) {
      UserId user = Deployment.newUser();
      Ready first = deployment.agent().ensured(user);
      String impostor = impostor(first, change);
      Ready again = deployment.agent().ensured(user);
      // Created, if the worker had seen by then that the first was gone.
      assertThat(again.outcome()).isNotEqualTo(Ready.Outcome.REUSED);
      assertThat(again.containerId()).isNotIn(first.containerId(), impostor);
      assertThat(deployment.host().exists(impostor)).isFalse();
      HostConfig host = deployment.host().inspect(again.containerId()).getHostConfig();
      assertThat(host.getPrivileged()).isFalse();
      assertThat(host.getReadonlyRootfs()).isTrue();
    }
  }

  @Row(44)
  @Test
  void aSandboxWhoseLimitsWereRaisedIsReplacedAndOneLeftAloneIsNot() throws Exception {
    UserId user = Deployment.newUser();
    Ready first = deployment.agent().ensured(user);
    assertThat(deployment.agent().ensured(user).containerId()).isEqualTo(first.containerId());
    deployment
        .host()
        .docker()
        .updateContainerCmd(first.containerId())
        .withMemory(4L << 30)
        .withMemorySwap(4L << 30)
        .exec();
    Ready again = deployment.agent().ensured(user);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(deployment.host().exists(first.containerId())).isFalse();
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.containerId()).isEqualTo(first.containerId());
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.REPLACED);
    assertThat(deployment.agent().ensured(user).outcome()).isEqualTo(Ready.Outcome.REUSED);
  }

  /** Nothing was created in this life yet that would show what one of the spec looks like. */
  @Row(44)
  @Test
  void aRestartTakesOverWhatIsAsItWasMadeOnly() throws Exception {
    try (Deployment kept = new Deployment().withNetwork().with("ZCBOT_RESTART", "adopt")) {
      Worker earlier = kept.start("a");
      UserId untouched = Deployment.newUser();
      UserId raised = Deployment.newUser();
      Ready first = kept.agent().ensured(untouched);
      Ready other = kept.agent().ensured(raised);
      kept.stop(earlier);
      assertThat(kept.host().isRunning(first.containerId())).isTrue();
      kept.host().docker().updateContainerCmd(other.containerId()).withPidsLimit(100_000L).exec();
      kept.start("a");
      assertThat(kept.host().isRunning(first.containerId())).isTrue();
      assertThat(kept.host().exists(other.containerId())).isFalse();
      assertThat(kept.log().awaitReaped(raised, Deployment.SOON).containerId())
          .isEqualTo(other.containerId());
      assertThat(kept.agent().ensured(untouched).outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(kept.agent().ensured(raised).outcome()).isEqualTo(Ready.Outcome.CREATED);
      assertThat(kept.host().docker().listContainersCmd().withShowAll(true).exec())
          .filteredOn(container -> kept.id().equals(container.getHostConfig().getNetworkMode()))
          .isNotEmpty()
          .flatExtracting(container -> List.of(container.getNames()))
          .noneMatch(name -> name.startsWith("/zcbot-probe-"));
    }
  }

  /** Whatever else an ensure says, there is no field for it. */
  @Row(17)
  @Test
  void noEventSaysHowASandboxIsMade() throws Exception {
    UserId user = Deployment.newUser();
    String wish =
        """
        {"user_id":"%s","workspace":"/etc","working_dir":"/proc/self/fd/8","image":"debian:trixie-slim",
         "privileged":true,"user":"0","memory":"64g","pids":100000,"env":["ZCBOT_PG_IPS="],
         "HostConfig":{"Privileged":true,"Binds":["/:/host"]},"container_name":"zcbot-sandbox-x"}"""
            .formatted(user);
    deployment.agent().send(Topic.ENSURE, user, wish);
    InspectContainerResponse made =
        deployment.host().inspect(deployment.log().awaitReady(user, 1).containerId());
    UserId plain = Deployment.newUser();
    InspectContainerResponse like =
        deployment.host().inspect(deployment.agent().ensured(plain).containerId());
    assertThat(described(made, user)).isEqualTo(described(like, plain));
    assertThat(made.getConfig().getWorkingDir()).isEqualTo("/workspace");
  }

  private static String described(InspectContainerResponse made, UserId user) {
    return (made.getRawValues().get("HostConfig")
            + " "
            + made.getRawValues().get("Mounts")
            + " "
            + made.getRawValues().get("Config"))
        .replace(user.toString(), "USER")
        .replace(String.valueOf(made.getConfig().getUser()), "ITS OWN")
        .replaceAll("zcbot.uid=\\d+", "zcbot.uid=ITS OWN");
  }

  /** As many and as large as a broker takes; they are nobody's business. */
  @Row(38)
  @Test
  void aGoodEnsureUnderABombOfHeadersIsServed() throws Exception {
    UserId user = Deployment.newUser();
    ProducerRecord<byte[], byte[]> record =
        deployment.agent().record(Topic.ENSURE, null, user, "{\"user_id\":\"" + user + "\"}");
    for (int i = 0; i < 20_000; i++) {
      record.headers().add("ce_" + i % 7, new byte[i % 30]);
    }
    record.headers().add("huge", new byte[300_000]);
    deployment.agent().send(record);
    assertThat(deployment.log().awaitReady(user, 1).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  /** A user fills the workspace with ways out; the worker takes none of them. */
  @Row(42)
  @Test
  void linksInAWorkspaceAreNotFollowed() throws Exception {
    UserId user = Deployment.newUser();
    Path outside = Files.createTempDirectory("zcbot-outside-");
    Path treasure = Files.writeString(outside.resolve("treasure"), "untouched");
    FileTime modified = Files.getLastModifiedTime(treasure);
    Ready ready = deployment.agent().ensured(user);
    String links =
        "ln -s %s dir; ln -s %s file; ln -s .. up; ln -s . loop; mkdir -p d/e; ln -s %s d/e/dir"
            .formatted(outside, treasure, outside);
    assertThat(deployment.host().exec(ready.containerId(), "bash", "-c", links).exitCode())
        .isZero();
    for (int i = 0; i < 2; i++) {
      deployment.host().docker().removeContainerCmd(ready.containerId()).withForce(true).exec();
      ready = deployment.agent().ensured(user);
      ready = deployment.agent().ensured(user);
    }
    assertThat(treasure).hasContent("untouched");
    assertThat(Files.getAttribute(treasure, "unix:uid")).isEqualTo(0);
    assertThat(Files.getLastModifiedTime(treasure)).isEqualTo(modified);

    // What a worker would do that walked in to set the owner.
    Path workspace = deployment.workspaces().resolve(user.toString());
    new ProcessBuilder("chown", "-RL", "1000", workspace.resolve("dir").toString())
        .inheritIO()
        .start()
        .waitFor();
    assertThat(Files.getAttribute(treasure, "unix:uid")).isEqualTo(1000);
    Files.delete(treasure);
    Files.delete(outside);
  }

  /** Made-up users by the hundred: bounded, told so, and the known are served meanwhile. */
  @Test
  void aFloodOfNewUsersIsBounded() throws Exception {
    try (Deployment narrow =
        new Deployment().with("ZCBOT_NEW_USERS_PER_MINUTE", "6").with("ZCBOT_SANDBOX_MAX", "20")) {
      narrow.start("a");
      UserId known = Deployment.newUser();
      narrow.agent().ensured(known);
      List<String> flood = new ArrayList<>();
      Instant began = Instant.now();
      for (int i = 0; i < 300; i++) {
        flood.add("flood-" + i);
        narrow.agent().ensure(Deployment.newUser(), flood.getLast());
      }
      assertThat(narrow.agent().ensured(known).outcome()).isEqualTo(Ready.Outcome.REUSED);
      List<SandboxEvent> answers = new ArrayList<>();
      for (String id : flood) {
        answers.add(narrow.log().awaitAnswer(id, Deployment.SOON));
      }
      long minutes = Duration.between(began, Instant.now()).toMinutes();
      List<Failed> refused =
          answers.stream().filter(Failed.class::isInstance).map(Failed.class::cast).toList();
      assertThat(refused).hasSizeBetween(300 - 5 - 6 * (int) (minutes + 1), 300 - 5);
      assertThat(refused)
          .allSatisfy(
              failed -> {
                assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
                assertThat(failed.retryable()).isTrue();
                assertThat(failed.message()).contains("ZCBOT_NEW_USERS_PER_MINUTE");
              });
      assertThat(narrow.host().containers()).hasSize(1 + 300 - refused.size());
    }
  }
}
