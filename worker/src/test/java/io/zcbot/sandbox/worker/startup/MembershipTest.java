/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MembershipTest {
  @TempDir private Path root;

  @Test
  void aLockThatCanNotBeOpenedSaysWhatIsInItsPlace() throws Exception {
    WorkerConfig config =
        WorkerConfig.fromEnvironment(
            Map.of(
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
                "ZCBOT_WORKER_ID", "one",
                "ZCBOT_WORKSPACE_ROOT", root.toString()));
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
