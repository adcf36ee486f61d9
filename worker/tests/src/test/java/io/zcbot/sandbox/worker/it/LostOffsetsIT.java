/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The committed offsets do not match the log: reading begins at the oldest record. */
@Tag("engine")
@Tag("kafka")
@Order(4)
class LostOffsetsIT {
  private static final long BEYOND = 5000;

  private Deployment deployment;
  private TopicPartition ensures;

  /** The deadline of the ensure that is answered: enough for a sandbox on a busy machine. */
  private Instant expiry;

  /** A worker answered an ensure, committed and left. */
  @BeforeEach
  void oneIsAnswered() throws Exception {
    deployment = new Deployment().withOps().with("ZCBOT_TOPICS_PARTITIONS", "1");
    ensures = new TopicPartition(deployment.topic(Topic.ENSURE), 0);
    var worker = deployment.start("a");
    expiry = Instant.now().plusSeconds(90);
    deployment.agent().ensure(Deployment.newUser(), "answered", expiry);
    assertThat(deployment.log().awaitAnswer("answered", Deployment.SOON)).isInstanceOf(Ready.class);
    deployment.stop(worker);
    assertThat(committed()).isEqualTo(1);
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private long committed() throws Exception {
    return deployment.group().committed().get(ensures).offset();
  }

  private void ensure(String id) throws Exception {
    deployment.agent().ensure(Deployment.newUser(), id, Instant.now().plus(Duration.ofMinutes(5)));
  }

  private void startsAndAnswers(String id) throws Exception {
    deployment.start("a");
    assertThat(deployment.log().awaitAnswer(id, Deployment.SOON)).isInstanceOf(Ready.class);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    deployment.awaitReady();
  }

  @Test
  void whatRetentionLeftIsAnswered() throws Exception {
    ensure("removed");
    ensure("left");
    deployment
        .group()
        .admin()
        .deleteRecords(Map.of(ensures, RecordsToDelete.beforeOffset(2)))
        .all()
        .get(90, TimeUnit.SECONDS);
    startsAndAnswers("left");
    assertThat(deployment.log().answers("removed")).isEmpty();
    assertThat(deployment.log().answers("answered")).hasSize(1);
  }

  /** As a log has it whose last records were lost with its leader, or that was created anew. */
  @Test
  void anOffsetBeyondTheEndBeginsAtTheOldest() throws Exception {
    deployment
        .group()
        .admin()
        .alterConsumerGroupOffsets(deployment.id(), Map.of(ensures, new OffsetAndMetadata(BEYOND)))
        .all()
        .get(90, TimeUnit.SECONDS);
    ensure("after");
    startsAndAnswers("after");
    assertThat(committed()).isEqualTo(2);
  }

  /** Within its deadline it would be ready again, which is true; behind it, it is contradicted. */
  @Test
  void withoutOffsetsAllThatIsLeftIsAnsweredAgain() throws Exception {
    deployment
        .group()
        .admin()
        .deleteConsumerGroupOffsets(deployment.id(), Set.of(ensures))
        .all()
        .get(90, TimeUnit.SECONDS);
    Thread.sleep(Duration.between(Instant.now(), expiry));
    ensure("after");
    startsAndAnswers("after");
    assertThat(deployment.log().answers("answered"))
        .satisfiesExactly(
            first -> assertThat(first).isInstanceOf(Ready.class),
            second ->
                assertThat(second)
                    .isInstanceOfSatisfying(
                        Failed.class,
                        failed -> assertThat(failed.reason()).isEqualTo(Failed.Reason.EXPIRED)));
  }
}
