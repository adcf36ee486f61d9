/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * Profiles from the view of agents and operators: a worker in a process of its own, a real broker,
 * a real engine. No other test has a worker with several specs.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Order(19)
class ProfilesIT {
  private static final long MIB = 1 << 20;

  private Deployment deployment;
  private String image;
  private Path file;
  private WorkerProcess worker;

  @BeforeAll
  void deploy() throws Exception {
    file = Files.createTempFile("zcbot-profiles-", ".yaml");
    deployment =
        new Deployment()
            .with("ZCBOT_PROFILES", file.toString())
            .with("ZCBOT_RESTART", "adopt")
            .withOps();
    image = "zcbot-" + deployment.id() + ":data";
    deployment
        .host()
        .docker()
        .tagImageCmd(SandboxImage.NAME, "zcbot-" + deployment.id(), "data")
        .exec();
    write(96, 200);
    worker = WorkerProcess.start(deployment, "one");
    deployment.watch();
  }

  @AfterAll
  void leaveNothing() throws Exception {
    try {
      if (worker != null) {
        worker.close();
      }
    } finally {
      deployment.host().docker().removeImageCmd(image).exec(); // the image keeps its other name
      deployment.close();
      Files.deleteIfExists(file);
    }
  }

  private void write(int smallMebibytes, int dataPids) throws Exception {
    Files.writeString(
        file,
        """
        profiles:
          data:
            image: %s
            memory: 160MiB
            tmp: 32MiB
            pids: %d
            network: {egress: 192.0.2.0/24}
            warm: 1
            environment: {LEVEL: profile, KEPT: "yes"}
          small:
            memory: %dMiB
            tmp: 40m
            idle_ttl: 10m
            idle_ttl_max: 2h
        """
            .formatted(image, dataPids, smallMebibytes));
  }

  private Ready ensured(UserId user, String profile) throws Exception {
    return answered(user, "'profile':'" + profile + "'");
  }

  /** The ready that answers an ensure; earlier ensures of the user may have failed. */
  private Ready answered(UserId user, String fields) throws Exception {
    String id = UUID.randomUUID().toString();
    deployment
        .agent()
        .send(Topic.ENSURE, user, AgentService.json(user, "'event_id':'" + id + "'," + fields));
    return assertThat(deployment.log().awaitAnswer(id, Deployment.SOON))
        .asInstanceOf(type(Ready.class))
        .actual();
  }

  private Failed refused(UserId user, String fields) throws Exception {
    int before = deployment.log().failures(user).size();
    deployment.agent().send(Topic.ENSURE, user, AgentService.json(user, fields));
    deployment
        .log()
        .await(
            "failed of " + user,
            Deployment.SOON,
            () -> deployment.log().failures(user).size() > before);
    return deployment.log().failures(user).getLast();
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

  private InspectContainerResponse inspect(Ready ready) {
    return deployment.host().inspect(ready.containerId());
  }

  private static long memory(InspectContainerResponse container) {
    return Objects.requireNonNull(container.getHostConfig().getMemory());
  }

  private List<Container> slots() {
    return deployment.host().containers().stream()
        .filter(c -> c.getNames()[0].startsWith("/zcbot-slot-"))
        .toList();
  }

  private void awaitSlot() {
    await("a slot of data")
        .atMost(Deployment.SOON)
        .until(() -> deployment.ops().metric("zcbot_profile_slots_idle{profile=\"data\"}") == 1);
  }

  @Test
  @Order(1)
  void aUserGetsWhatTheProfileSays() throws Exception {
    awaitSlot();
    UserId user = Deployment.newUser();
    Ready ready = ensured(user, "data");
    assertThat(ready.outcome()).as("from its warm slot").isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(ready.profile()).isEqualTo("data");
    assertThat(ready.environment().image()).isEqualTo(image);
    InspectContainerResponse container = inspect(ready);
    assertThat(container.getConfig().getImage()).isEqualTo(image);
    assertThat(container.getConfig().getLabels()).containsEntry("zcbot.profile", "data");
    assertThat(memory(container)).isEqualTo(160 * MIB);
    assertThat(container.getHostConfig().getPidsLimit()).isEqualTo(200);
    assertThat(container.getHostConfig().getNetworkMode()).isEqualTo(deployment.id() + "-data");
    assertThat(output(user, "'shell':'echo $LEVEL $KEPT'")).isEqualTo("profile yes");
    assertThat(output(user, "'shell':'echo $LEVEL $KEPT','env':{'LEVEL':'own'}"))
        .isEqualTo("own yes");
    assertThat(output(user, "'shell':'cat /proc/net/route | wc -l','profile':'data'"))
        .as("it has a route")
        .isNotEqualTo("1");

    UserId other = Deployment.newUser();
    Ready usual = deployment.agent().ensured(other);
    assertThat(usual.profile()).isEqualTo("default");
    assertThat(usual.environment().image()).isEqualTo(SandboxImage.NAME);
    assertThat(inspect(usual).getHostConfig().getNetworkMode()).isEqualTo("none");
    assertThat(inspect(usual).getConfig().getLabels()).doesNotContainKey("zcbot.profile");
    assertThat(output(other, "'shell':'echo $LEVEL'")).isEmpty();
  }

  @Test
  @Order(2)
  void anIdleSandboxOfAnotherProfileIsReplaced() throws Exception {
    UserId user = Deployment.newUser();
    Ready small = ensured(user, "small");
    assertThat(output(user, "'shell':'echo mine > file'")).isEmpty();
    assertThat(ensured(user, "small").containerId()).isEqualTo(small.containerId());
    Ready kept = deployment.agent().ensured(user);
    assertThat(kept.containerId()).as("without a profile").isEqualTo(small.containerId());
    assertThat(kept.profile()).isEqualTo("small");

    Ready usual = ensured(user, "default");
    assertThat(usual.containerId()).isNotEqualTo(small.containerId());
    assertThat(usual.profile()).isEqualTo("default");
    assertThat(deployment.log().reaped(user))
        .extracting(Reaped::containerId, Reaped::reason)
        .containsExactly(tuple(small.containerId(), Reaped.Reason.REPLACED));
    assertThat(deployment.host().exists(small.containerId())).isFalse();
    assertThat(output(user, "'shell':'cat file','profile':'small'"))
        .as("an exec replaces it as well, and files stay")
        .isEqualTo("mine");
    assertThat(deployment.log().readies(user).getLast().profile()).isEqualTo("small");
  }

  @Test
  @Order(3)
  void oneInWhichCommandsRunIsReplacedOnlyIfTheEnsureSaysSo() throws Exception {
    UserId user = Deployment.newUser();
    Ready small = ensured(user, "small");
    deployment.agent().exec(user, "sleep-" + user, "'shell':'sleep 600','announce_start':true");
    deployment
        .log()
        .await(
            "the start",
            Deployment.SOON,
            () -> !deployment.log().starts("sleep-" + user).isEmpty());

    Failed refused = refused(user, "'profile':'default'");
    assertThat(refused.reason()).isEqualTo(Failed.Reason.REJECTED);
    assertThat(refused.message()).contains("small", "default", "replace: true");
    Exited exited = ran(user, "'shell':'true','profile':'data'");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.REJECTED);
    assertThat(exited.message()).contains("small", "data", "replace: true");
    assertThat(ensured(user, "small").containerId()).isEqualTo(small.containerId());

    assertThat(answered(user, "'profile':'default','replace':true").profile()).isEqualTo("default");
    assertThat(deployment.log().awaitExited("sleep-" + user).reason())
        .isEqualTo(Exited.Reason.SANDBOX_GONE);
  }

  @Test
  @Order(4)
  void whatAProfileDoesNotAllowIsRefused() throws Exception {
    UserId user = Deployment.newUser();
    Failed unknown = refused(user, "'profile':'huge'");
    assertThat(unknown.reason()).isEqualTo(Failed.Reason.REJECTED);
    assertThat(unknown.message()).contains("no profile huge", "default, data, small");
    Exited exited = ran(user, "'shell':'true','profile':'huge'");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.REJECTED);
    assertThat(exited.message()).contains("no profile huge");

    Failed tooLong = refused(user, "'profile':'small','idle_ttl_seconds':7201");
    assertThat(tooLong.message()).contains("the profile small allows 10 to 7200 seconds");
    assertThat(deployment.host().containersOf(user)).isEmpty();

    UserId another = Deployment.newUser();
    Ready ready =
        deployment.agent().ensuredWith(another, "'profile':'small','idle_ttl_seconds':7200");
    assertThat(ready.environment().idleTtl()).isEqualTo(Duration.ofHours(2));
    assertThat(ensured(another, "small").environment().idleTtl()).isEqualTo(Duration.ofMinutes(10));
  }

  @Test
  @Order(5)
  void aFileThatIsReadAgainHoldsForNewSandboxes() throws Exception {
    awaitSlot();
    UserId before = Deployment.newUser();
    Ready old = ensured(before, "small");
    String slot = slots().getFirst().getId();

    Files.writeString(file, "profiles: {small: {memory: 1}, data: {cpus: x}}");
    worker.hangUp();
    await("a warning")
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(worker.output())
                    .contains("small.memory=1: must be a size", "data.cpus=x: must be a number"));
    assertThat(ensured(before, "small").containerId()).isEqualTo(old.containerId());
    assertThat(slots()).extracting(Container::getId).containsExactly(slot);

    write(120, 100);
    worker.hangUp();
    await("another slot")
        .atMost(Deployment.SOON)
        .until(
            () ->
                slots().size() == 1
                    && !slots().getFirst().getId().equals(slot)
                    && deployment.ops().metric("zcbot_profile_slots_idle{profile=\"data\"}") == 1);
    assertThat(ensured(before, "small").containerId()).isEqualTo(old.containerId());
    assertThat(memory(inspect(old))).isEqualTo(96 * MIB);
    assertThat(memory(inspect(ensured(Deployment.newUser(), "small")))).isEqualTo(120 * MIB);
    Ready claimed = ensured(Deployment.newUser(), "data");
    assertThat(claimed.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(inspect(claimed).getHostConfig().getPidsLimit()).isEqualTo(100);
  }

  @Test
  @Order(6)
  void aRestartKnowsTheProfilesOfWhatRuns() throws Exception {
    UserId created = Deployment.newUser();
    Ready small = ensured(created, "small");
    awaitSlot();
    UserId claimed = Deployment.newUser();
    Ready data = ensured(claimed, "data");

    worker.close();
    worker = WorkerProcess.start(deployment, "one");

    for (Ready before : List.of(small, data)) {
      Ready after = deployment.agent().ensured(before.userId());
      assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(after.containerId()).isEqualTo(before.containerId());
      assertThat(after.profile()).isEqualTo(before.profile());
    }
    assertThat(output(claimed, "'shell':'echo $LEVEL'")).isEqualTo("profile");
    assertThat(deployment.ops().metric("zcbot_profile_sandboxes{profile=\"data\"}"))
        .isGreaterThanOrEqualTo(1);
  }
}
