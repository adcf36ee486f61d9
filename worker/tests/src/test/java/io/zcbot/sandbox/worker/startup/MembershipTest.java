/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.StartRetry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.errors.CoordinatorNotAvailableException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Order(1)
class MembershipTest {
  @TempDir private Path root;

  /** Its coordinator may have no leader for a while, and nobody starts the worker again. */
  @Test
  void aGroupThatDoesNotAnswerIsWaitedFor() throws Exception {
    WorkerConfig config = config();
    KafkaClients kafka = new KafkaClients(config.kafka(), "one");
    AtomicBoolean stopping = new AtomicBoolean();
    StartRetry retry = new StartRetry(stopping::get);
    try (Membership membership = Membership.take(config, kafka)) {
      CompletableFuture<Void> start =
          CompletableFuture.runAsync(
              () -> {
                try {
                  membership.refuseIfElsewhere(retry);
                } catch (Exception e) {
                  throw new CompletionException(e);
                }
              });
      await().until(() -> start.isDone() || retry.problem() != null);
      assertThat(retry.problem()).startsWith("could not list the members of the group: no answer");
      stopping.set(true);
      assertThatThrownBy(() -> start.get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(StoppedException.class);
    }
  }

  @Test
  void onlyAnswersThatMayComeLaterAreWaitedFor() {
    assertThat(failure(new CoordinatorNotAvailableException("moves")))
        .isInstanceOf(Membership.NoAnswerException.class);
    assertThat(failure(GroupAuthorizationException.forGroupId("workers")))
        .isNotInstanceOf(Membership.NoAnswerException.class)
        .hasMessageContaining("no permission Describe on group workers");
  }

  private static IOException failure(Exception cause) {
    return Membership.failure(new ExecutionException(cause));
  }

  private WorkerConfig config() throws Exception {
    return WorkerConfig.fromEnvironment(
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
            "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "100",
            "ZCBOT_WORKER_ID", "one",
            "ZCBOT_WORKSPACE_ROOT", root.toString()));
  }

  @Test
  void aLockThatCanNotBeOpenedSaysWhatIsInItsPlace() throws Exception {
    WorkerConfig config = config();
    KafkaClients kafka = new KafkaClients(config.kafka(), "one");
    Path locks = Files.createFile(root.resolve(".workers"));
    assertThatThrownBy(() -> Membership.take(config, kafka))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "could not open the lock %s: %s is not a directory", locks.resolve("one.lock"), locks);

    Files.delete(locks);
    Files.createDirectories(locks.resolve("one.lock"));
    assertThatThrownBy(() -> Membership.take(config, kafka))
        .hasMessage("could not open the lock %s: Is a directory", locks.resolve("one.lock"));
  }
}
