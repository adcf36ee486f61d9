/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.HdrHistogram.Histogram;

/** Commands on gVisor, by a worker and an engine of their own, where the machine has it. */
final class GvisorCommands {
  private static final String PREFIX = "commands-gvisor.";
  private static final int PARTITIONS = 8;
  private static final int USERS = 4;

  private static final String OURS = "on gVisor: `/bin/true` at 5/s";
  private static final String CLI = "on gVisor: `docker exec` of `/bin/true` at 2/s";

  private final Latencies latencies = new Latencies();
  private boolean isMeasured;

  void run(Setting setting) throws Exception {
    String engine = Runtimes.engine();
    if (engine == null) {
      return;
    }
    isMeasured = true;
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    for (int round = 0; round < setting.rounds(); round++) {
      round(setting, engine);
      Setting.say(
          "gVisor, round %d: /bin/true p50 %s ms, docker exec %s ms",
          round,
          latencies.rounds().text(OURS + " p50", "%.1f"),
          latencies.rounds().text(CLI + " p50", "%.1f"));
    }
  }

  private void round(Setting setting, String engine) throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(
            setting,
            PREFIX,
            Map.of(
                "DOCKER_HOST",
                engine,
                "ZCBOT_SANDBOX_RUNTIME",
                Runtimes.GVISOR,
                "ZCBOT_STOP_TIMEOUT",
                "60s"));
    try (worker;
        CommandClient client = new CommandClient(setting.kafka(), PREFIX, PARTITIONS)) {
      List<UserId> users = Kafka.usersInEach(1, USERS);
      for (UserId user : users) {
        client.run(user, Commands.TRUE);
      }
      Commands.atRate(client, users, Commands.TRUE, 10, Commands.SECONDS);
      latencies.add(OURS, Commands.atRate(client, users, Commands.TRUE, 5, Commands.SECONDS));
      Histogram cli = Latencies.histogram();
      String container = Container.nameOf(users.getFirst());
      List<String> exec = List.of("docker", "-H", engine, "exec", container, "/bin/true");
      Calls.atRate(2, Commands.SECONDS, cli, _ -> Commands.dockerExec(exec));
      latencies.add(CLI, cli);
    }
  }

  /** For the table of all latencies. */
  List<List<String>> rows() {
    return Stream.of(OURS, CLI)
        .map(
            name ->
                isMeasured
                    ? latencies.row(name)
                    : List.of(name, "not measured: " + Runtimes.NEEDS, "", ""))
        .toList();
  }

  void report(Report report) {
    if (isMeasured) {
      Rounds figures = latencies.rounds();
      report.target(
          "gVisor: `/bin/true` p50 ≤ 30 ms",
          figures.median(OURS + " p50") <= 30,
          figures.text(OURS + " p50", "%.1f")
              + " ms; `docker exec` "
              + figures.ratioText(CLI + " p50", OURS + " p50")
              + " of that");
    }
  }
}
