/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.nio.file.Path;
import java.util.List;
import org.HdrHistogram.Histogram;

/** What Kafka and the engine take by themselves for what a hot and a claimed ensure ask of them. */
final class Floors {
  private static final String PREFIX = "echo.";
  private static final int PARTITIONS = 8;
  private static final double SECONDS = 5;

  static final String HOT_KAFKA = "Kafka alone, an echo at 200/s";
  static final String CLAIM_KAFKA = "Kafka alone, an echo at 2/s";
  static final String CLAIM_ENGINE = "engine alone, a claim's rename and look at 2/s";

  private final Setting setting;
  private final RawEngine raw;

  Floors(Setting setting, RawEngine raw) throws Exception {
    this.setting = setting;
    this.raw = raw;
    setting.kafka().createTopics(PREFIX, PARTITIONS);
  }

  void round(Latencies into) throws Exception {
    try (Echo _ = new Echo(setting.kafka(), PREFIX, PARTITIONS);
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
      List<UserId> users = Kafka.usersInEach(1, 20);
      client.load(users, 200, SECONDS, Latencies.histogram());
      Histogram often = Latencies.histogram();
      client.load(users, 200, SECONDS, often);
      into.add(HOT_KAFKA, often);
      Histogram seldom = Latencies.histogram();
      client.load(users, 2, SECONDS, seldom);
      into.add(CLAIM_KAFKA, seldom);
    }
    into.add(CLAIM_ENGINE, claimCalls());
  }

  private Histogram claimCalls() throws Exception {
    String worker = setting.id() + "-raw";
    List<UserId> users = Kafka.usersInEach(1, 11);
    Path workspace = setting.workspaces("raw-claims", users.subList(0, 1));
    raw.createAndStart(
        EndToEnd.spec(setting),
        users.getFirst(),
        worker,
        workspace.resolve(users.getFirst().toString()));
    Histogram calls = Latencies.histogram();
    Calls.atRate(
        2,
        SECONDS,
        calls,
        i -> {
          String next = Container.nameOf(users.get(i + 1));
          raw.rename(Container.nameOf(users.get(i)), next);
          raw.inspect(next);
        });
    raw.remove(Container.nameOf(users.getLast()));
    return calls;
  }
}
