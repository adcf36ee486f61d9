/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.worker.config.ConsoleConfig;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;

/** The console: reads the topics and serves the page until it is closed. It has its own threads. */
public final class FleetConsole implements AutoCloseable {
  /** How far back in time events are read at start. */
  private static final Duration HISTORY = Duration.ofHours(1);

  private final FleetFollower follower;
  private final GroupWatch group;
  private final ConsoleServer server;

  /**
   * Starts the console.
   *
   * @param clients of the Kafka cluster that the workers use
   * @param usualTtl the idle TTL of sandboxes whose events have none
   * @throws IOException if the address can't be used; the message says what to do
   */
  public static FleetConsole start(
      KafkaClients clients, KafkaConfig kafka, ConsoleConfig config, Duration usualTtl)
      throws IOException {
    InstantSource clock = InstantSource.system();
    Fleet fleet = new Fleet(usualTtl, clock);
    ConsoleServer server = ConsoleServer.start(config.address, config.url, fleet);
    return new FleetConsole(
        FleetFollower.start(
            () -> clients.smallRequestConsumer("console"),
            kafka.topicPrefix(),
            HISTORY,
            fleet,
            clock,
            System::nanoTime),
        GroupWatch.start(clients::admin, kafka, fleet),
        server);
  }

  private FleetConsole(FleetFollower follower, GroupWatch group, ConsoleServer server) {
    this.follower = follower;
    this.group = group;
    this.server = server;
  }

  /** The address at which it listens, with the actual port if the configured one was 0. */
  public InetSocketAddress address() {
    return server.address();
  }

  @Override
  public void close() {
    server.close();
    group.close();
    follower.close();
  }
}
