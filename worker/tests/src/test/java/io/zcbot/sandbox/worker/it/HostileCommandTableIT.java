/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.time.Instant;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Whatever somebody writes to the command table: at worst, the commands that it names are answered
 * lost.
 */
@Tag("engine")
@Tag("kafka")
@InFullRuns("HostileLiveTableIT has the flood of the other table")
class HostileCommandTableIT {
  private final EventCodec codec = new EventCodec();
  private Deployment deployment;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().with("ZCBOT_RESTART", "adopt").withOps();
    deployment.createTopics();
    deployment.watch();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private void write(CommandEntry entry) throws Exception {
    deployment
        .agent()
        .sendLater(
            new ProducerRecord<>(
                deployment.topic(Topic.COMMANDS),
                deployment.partitionOf(entry.userId()),
                codec.commandKey(entry.userId(), entry.execId()),
                codec.encodeCommand(entry)));
  }

  private CommandEntry entry(UserId user, String id, String padding, boolean answered) {
    return new CommandEntry(
        user,
        id,
        deployment.partitionOf(user),
        0,
        new ContainerRef(padding, "c", padding, padding),
        Instant.EPOCH,
        answered);
  }

  @Test
  void aFloodOfEntriesFitsIntoTheUsualHeapAndNobodyElseHearsOfIt() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready;
    try (var _ = WorkerProcess.start(deployment, "a")) {
      ready = deployment.agent().ensured(user);
      deployment.agent().exec(user, "first", "'command':['true']");
      deployment.log().awaitExited("first");
    }
    for (int i = 0; i < 9_000; i++) { // 12 KB each, which no worker writes
      write(entry(Deployment.newUser(), "large-" + i, "x".repeat(4_000), i % 2 == 0));
    }
    for (int i = 0; i < 9_000; i++) { // the largest that could be a worker's
      write(entry(Deployment.newUser(), "valid-" + i, "x".repeat(1_200), i % 2 == 0));
    }
    write(entry(user, "forged", "x", false));
    write(entry(user, "promised", "x", true));
    deployment.agent().flush();
    try (WorkerProcess worker = WorkerProcess.start(deployment, "a", WorkerProcess.USUAL_HEAP)) {
      deployment.agent().exec(user, "promised", "'command':['true']");
      assertThat(deployment.log().awaitExited("promised").reason()).isEqualTo(Exited.Reason.LOST);
      deployment.agent().exec(user, "next", "'command':['true']");
      Exited next = deployment.log().awaitExited("next");
      assertThat(next.reason()).isEqualTo(Exited.Reason.EXITED);
      assertThat(next.site().containerId()).isEqualTo(ready.containerId());
      assertThat(deployment.log().reaped(user)).isEmpty();
      assertThat(worker.isAlive()).isTrue();
      assertThat(deployment.log().events())
          .filteredOn(event -> event instanceof Exited each && each.reason() == Exited.Reason.LOST)
          .extracting(event -> ((Exited) event).execId())
          .allMatch(id -> id.startsWith("valid-") || id.equals("forged") || id.equals("promised"))
          .hasSizeBetween(1_000, 4_502);
    }
  }
}
