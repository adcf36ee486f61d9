package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.RawEngine;
import io.zcbot.sandbox.worker.sandbox.Container;
import java.nio.file.Path;
import java.util.List;
import org.HdrHistogram.Histogram;

/** What Kafka and the engine take by themselves for what a hot and a claimed ensure ask of them. */
final class Floors {
  private static final String PREFIX = "echo.";
  private static final int PARTITIONS = 8;

  static final String HOT_KAFKA = "Kafka alone, an echo at 200/s";
  static final String CLAIM_KAFKA = "Kafka alone, an echo at 2/s";
  static final String CLAIM_ENGINE = "engine alone, a claim's look, rename and look at 2/s";

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
      echo(client, users, 200, Latencies.histogram());
      Histogram often = Latencies.histogram();
      echo(client, users, 200, often);
      into.add(HOT_KAFKA, often);
      Histogram seldom = Latencies.histogram();
      echo(client, users, 2, seldom);
      into.add(CLAIM_KAFKA, seldom);
    }
    into.add(CLAIM_ENGINE, claimCalls());
  }

  private static void echo(Client client, List<UserId> users, int rate, Histogram into)
      throws Exception {
    OpenLoop.run(
        rate, 5, (i, intended) -> client.ensure(users.get(i % users.size()), intended, into));
    client.awaitAnswers();
  }

  private Histogram claimCalls() throws Exception {
    String worker = setting.id() + "-raw";
    List<UserId> users = Kafka.usersInEach(1, 11);
    Path workspace = setting.workspaces("raw-claims");
    EndToEnd.workspace(workspace, users.getFirst());
    raw.createAndStart(
        EndToEnd.spec(setting),
        users.getFirst(),
        worker,
        workspace.resolve(users.getFirst().toString()));
    Histogram calls = Latencies.histogram();
    EndToEnd.concurrently(
        2,
        5,
        calls,
        i -> {
          String next = Container.nameOf(users.get(i + 1));
          raw.isThere(next);
          raw.rename(Container.nameOf(users.get(i)), next);
          raw.inspect(next);
        });
    raw.remove(Container.nameOf(users.getLast()));
    return calls;
  }
}
