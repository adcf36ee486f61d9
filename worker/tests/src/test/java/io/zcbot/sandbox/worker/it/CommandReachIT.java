/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * No command and no field of an event reaches another user's sandbox, or a slot that is parked for
 * a future user.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CommandReachIT {
  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().withNetwork().withOps().with("ZCBOT_SANDBOX_WARM", "1");
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  /** Both users are in one partition, so that what is published first is read first. */
  private UserId newUser() {
    return deployment.newUserOf(1);
  }

  private static String text(Exited exited) {
    assertThat(exited.reason())
        .as(String.valueOf(exited.message()))
        .isEqualTo(Exited.Reason.EXITED);
    return Objects.requireNonNull(Objects.requireNonNull(exited.stdout()).text());
  }

  private String run(UserId user, String id, String fields) throws Exception {
    deployment.agent().exec(user, id, fields);
    return text(deployment.log().awaitExited(id));
  }

  /** A record whose key and whose JSON name different users. */
  private void sendTorn(Topic topic, UserId key, UserId user, String fields) throws Exception {
    deployment.agent().send(topic, key, AgentService.json(user, fields));
  }

  private Container parked() {
    await("a parked slot")
        .atMost(Deployment.SOON)
        .until(() -> slots().size() == 1 && deployment.ops().metric("zcbot_slots_idle") == 1);
    return slots().getFirst();
  }

  private List<Container> slots() {
    return deployment.host().containers().stream()
        .filter(each -> each.getNames()[0].startsWith("/zcbot-slot-"))
        .toList();
  }

  private int processesOf(Container container) {
    return deployment
        .host()
        .docker()
        .topContainerCmd(container.getId())
        .exec()
        .getProcesses()
        .length;
  }

  @Test
  void whatNamesTwoUsersHappensToNeither() throws Exception {
    UserId one = newUser();
    UserId other = newUser();
    Ready ready = deployment.agent().ensured(other);
    deployment.agent().exec(other, "torn-cat", "'command':['cat'],'input':true");
    int before = deployment.log().records(Topic.DEAD_LETTER).size();

    sendTorn(Topic.EXEC, one, other, "'event_id':'torn-1','shell':'echo x > /workspace/torn'");
    sendTorn(Topic.EXEC, other, one, "'event_id':'torn-2','shell':'echo x > /workspace/torn'");
    sendTorn(Topic.INPUT, one, other, "'exec_id':'torn-cat','data':'theirs'");
    sendTorn(Topic.INPUT, other, one, "'exec_id':'torn-cat','signal':'KILL'");
    sendTorn(Topic.RELEASE, one, other, "'container_id':'" + ready.containerId() + "'");
    sendTorn(Topic.RELEASE, other, one, "'container_id':'" + ready.containerId() + "'");
    deployment
        .log()
        .await(
            "6 dead letters",
            Deployment.SOON,
            () -> deployment.log().records(Topic.DEAD_LETTER).size() == before + 6);

    deployment.agent().inputLater(other, "torn-cat", "'data':'mine'");
    deployment.agent().inputLater(other, "torn-cat", "'eof':true");
    assertThat(text(deployment.log().awaitExited("torn-cat"))).isEqualTo("mine");
    assertThat(run(other, "torn-ls", "'command':['ls','-A','/workspace']")).isEmpty();
    assertThat(deployment.log().exits("torn-1")).isEmpty();
    assertThat(deployment.log().exits("torn-2")).isEmpty();
    assertThat(deployment.log().readies(one)).isEmpty();
    assertThat(deployment.log().reaped(other)).isEmpty();
  }

  @Test
  void inputNeverReachesTheCommandOfAnotherUser() throws Exception {
    UserId user = newUser();
    UserId other = newUser();
    deployment.agent().ensured(other);
    deployment.agent().exec(user, "private", "'command':['cat'],'input':true");
    deployment.log().awaitReady(user, 1);
    for (String input :
        List.of(
            "'data':'theirs'",
            "'signal':'KILL'",
            "'resize':{'columns':1,'rows':1}",
            "'eof':true")) {
      deployment.agent().inputLater(other, "private", input);
    }
    // Behind them in the log, so that they were read before this ends.
    deployment.agent().inputLater(user, "private", "'data':'mine'");
    deployment.agent().inputLater(user, "private", "'eof':true");
    assertThat(text(deployment.log().awaitExited("private"))).isEqualTo("mine");
  }

  @Test
  void twoUsersMayUseTheSameId() throws Exception {
    List<UserId> users = List.of(newUser(), newUser());
    for (UserId user : users) {
      deployment.agent().exec(user, "same", "'command':['cat'],'input':true");
    }
    for (UserId user : users) {
      deployment.agent().inputLater(user, "same", "'data':'" + user + "'");
      deployment.agent().inputLater(user, "same", "'eof':true");
    }
    deployment
        .log()
        .await("both answers", Deployment.SOON, () -> deployment.log().exits("same").size() == 2);
    for (UserId user : users) {
      assertThat(deployment.log().exits("same"))
          .filteredOn(exited -> exited.userId().equals(user))
          .singleElement()
          .satisfies(
              exited -> {
                assertThat(text(exited)).isEqualTo(user.toString());
                assertThat(Objects.requireNonNull(exited.container()).id())
                    .isEqualTo(deployment.log().readies(user).getFirst().containerId());
              });
    }
  }

  @Test
  void noFieldOfAnExecSaysWhereOrAsWhomItRuns() throws Exception {
    UserId user = newUser();
    UserId victim = newUser();
    run(victim, "victims", "'shell':'echo secret > /workspace/secret'");
    String theirs = deployment.log().awaitReady(victim, 1).containerId();
    deployment.agent().ensured(user);

    assertThat(
            run(
                user,
                "wishes",
                "'shell':'id -un; ls -A /workspace; grep ^CapBnd /proc/self/status',"
                    + "'container_id':'%s','container':{'id':'%s'},'sandbox':'%s','host':'b',"
                        .formatted(theirs, theirs, theirs)
                    + "'user':'0:0','privileged':true,'image':'debian','working_dir':'/etc',"
                    + "'HostConfig':{'Privileged':true},"
                    + "'env':{'ZCBOT_FIREWALL':'none','HOSTNAME':'"
                    + theirs
                    + "'}"))
        .isEqualTo("sandbox\nCapBnd:\t0000000000000000\n");
    Exited exited = deployment.log().exits("wishes").getFirst();
    assertThat(Objects.requireNonNull(exited.container()).id())
        .isEqualTo(deployment.log().readies(user).getFirst().containerId())
        .isNotEqualTo(theirs);
  }

  @Test
  void aReleaseOfAnotherUsersSandboxEndsNothing() throws Exception {
    UserId user = newUser();
    UserId victim = newUser();
    deployment.agent().ensured(user);
    String theirs = deployment.agent().ensured(victim).containerId();
    deployment
        .agent()
        .send(Topic.RELEASE, user, AgentService.json(user, "'container_id':'" + theirs + "'"));
    run(user, "behind-the-release", "'command':['true']");
    assertThat(deployment.host().isRunning(theirs)).isTrue();
    assertThat(deployment.log().reaped(user)).isEmpty();
    assertThat(deployment.log().reaped(victim)).isEmpty();
  }

  @Test
  void aCommandEndsNoProcessOfAnotherSandbox() throws Exception {
    UserId user = newUser();
    UserId victim = newUser();
    deployment.agent().exec(victim, "alive", "'shell':'read line; echo alive','input':true");
    deployment.log().awaitReady(victim, 1);
    deployment.agent().exec(user, "kills", "'shell':'kill -9 -1; exit 0'");
    deployment.log().awaitExited("kills");
    deployment.agent().inputLater(victim, "alive", "'data':'go\\n'");
    assertThat(text(deployment.log().awaitExited("alive"))).isEqualTo("alive\n");
    assertThat(run(user, "still-there", "'command':['echo','there']")).isEqualTo("there\n");
  }

  @Test
  void parkedSlotsAreOutOfReach() throws Exception {
    UserId user = newUser();
    deployment.agent().ensured(user);
    Container slot = parked();
    int processes = processesOf(slot);

    assertThat(
            run(
                user,
                "at-a-slot",
                "'shell':'find / -xdev -name .slots 2>/dev/null; find /workspace -mindepth 1',"
                    + "'container_id':'%s','container_name':'%s'"
                        .formatted(slot.getId(), slot.getNames()[0].substring(1))))
        .isEmpty();
    deployment
        .agent()
        .send(
            Topic.RELEASE, user, AgentService.json(user, "'container_id':'" + slot.getId() + "'"));
    deployment.agent().exec(user, "kills-at-a-slot", "'shell':'kill -9 -1'");
    deployment.log().awaitExited("kills-at-a-slot");
    assertThat(parked().getId()).isEqualTo(slot.getId());
    assertThat(processesOf(slot)).isEqualTo(processes);

    UserId next = newUser();
    assertThat(run(next, "first", "'command':['ls','-A','/workspace']")).isEmpty();
    Ready claimed = deployment.log().awaitReady(next, 1);
    assertThat(claimed.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(claimed.containerId()).isEqualTo(slot.getId());
  }
}
