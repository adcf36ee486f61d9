/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.time.Duration;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/** One real broker for all tests of this JVM. Each test uses its own topics. */
public final class KafkaForTests {
  public static final String IMAGE =
      System.getenv().getOrDefault("ZCBOT_TEST_KAFKA_IMAGE", "zcbot-kafka:4.4.0");

  /** The run of bin/test that this belongs to; it removes leftover containers with this label. */
  private static final String RUN = System.getenv().getOrDefault("ZCBOT_TEST_RUN", "none");

  private static final class Shared {
    static final KafkaContainer KAFKA = start();

    private static KafkaContainer start() {
      KafkaContainer kafka = create();
      kafka.start();
      Runtime.getRuntime().addShutdownHook(new Thread(kafka::stop));
      return kafka;
    }
  }

  private KafkaForTests() {}

  /**
   * Reached at the address of the engine's bridge, where this machine has it: what is sent to a
   * port of the loopback is copied by a process of the engine.
   */
  private static final class Broker extends KafkaContainer {
    Broker(DockerImageName image) {
      super(image);
    }

    @Override
    public String getHost() {
      String gateway =
          getDockerClient()
              .inspectNetworkCmd()
              .withNetworkId("bridge")
              .exec()
              .getIpam()
              .getConfig()
              .getFirst()
              .getGateway();
      try {
        return gateway != null
                && NetworkInterface.getByInetAddress(InetAddress.getByName(gateway)) != null
            ? gateway
            : super.getHost();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  public static String bootstrapServers() {
    return Shared.KAFKA.getBootstrapServers();
  }

  /** Another broker, for tests that stop it; not started. */
  public static KafkaContainer create() {
    return create(IMAGE);
  }

  /**
   * Stops all processes of a broker where they are; its connections stay. The engine's own pause
   * gives up at random on a busy container where cgroups are of version 1.
   */
  public static void freeze(KafkaContainer kafka) throws Exception {
    signalAll(kafka, "STOP");
  }

  /** Lets a frozen broker go on; does nothing to one that runs. */
  public static void thaw(KafkaContainer kafka) throws Exception {
    signalAll(kafka, "CONT");
  }

  private static void signalAll(KafkaContainer kafka, String signal) throws Exception {
    // All processes but the first, which waits for the broker, and this shell.
    ExecResult result = kafka.execInContainer("sh", "-c", "kill -" + signal + " -1");
    if (result.getExitCode() != 0) {
      throw new IllegalStateException("kill -" + signal + " in the broker's container: " + result);
    }
  }

  /** A broker of another version; not started. */
  @SuppressWarnings("resource") // the caller closes it
  public static KafkaContainer create(String image) {
    return new Broker(DockerImageName.parse(image).asCompatibleSubstituteFor("apache/kafka"))
        .withLabel("zcbot.test.run", RUN)
        .withStartupTimeout(Duration.ofMinutes(3)) // the machine may be loaded
        // The quick compiler only: no broker lives long enough for what the full one costs.
        .withEnv("KAFKA_OPTS", "-XX:TieredStopAtLevel=1")
        .withEnv("KAFKA_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS", "0")
        .withEnv("KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS", "5000")
        .withEnv("KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS", "6000")
        .withEnv("KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS", "500")
        .withEnv("KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS", "500")
        // By default two files of 10 MiB are created for each of some thousand partitions.
        .withEnv("KAFKA_LOG_INDEX_SIZE_MAX_BYTES", "65536")
        .withEnv("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false");
  }
}
