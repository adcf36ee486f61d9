/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.EngineProxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An answer stays valid, whatever happens to the worker. */
@Tag("engine")
@Tag("kafka")
@Order(4)
class AnsweredOnceIT {
  private static final Duration EXPIRY = Duration.ofSeconds(90);

  @Test
  void answersBehindASlowCreateAreNotContradictedAfterAKill() throws Exception {
    try (EngineProxy proxy = new EngineProxy();
        Deployment deployment =
            new Deployment()
                .withOps()
                .withEngineAt(proxy.address())
                .with("ZCBOT_TOPICS_PARTITIONS", "1")) {
      deployment.createTopics();
      deployment.watch();
      UserId served = Deployment.newUser();
      UserId waiting = Deployment.newUser();
      List<String> ensures = IntStream.range(0, 200).mapToObj(i -> "ensure-" + i).toList();
      Instant expiry;
      try (WorkerProcess worker = WorkerProcess.start(deployment, "a")) {
        deployment.agent().ensured(served);
        proxy.hold("create?name=zcbot-sandbox-" + waiting);
        deployment.agent().ensure(waiting, "slow", Instant.now().plus(Duration.ofMinutes(5)));
        expiry = Instant.now().plus(EXPIRY);
        for (String ensure : ensures) {
          deployment
              .agent()
              .sendLater(
                  deployment
                      .agent()
                      .record(
                          Topic.ENSURE,
                          null,
                          served,
                          "{'user_id':'%s','event_id':'%s','expires_at':'%s'}"
                              .replace('\'', '"')
                              .formatted(served, ensure, expiry)));
        }
        deployment.agent().flush();
        for (String ensure : ensures) {
          assertThat(deployment.log().awaitAnswer(ensure, Deployment.SOON))
              .isInstanceOf(Ready.class);
        }
        assertThat(deployment.log().answers("slow")).isEmpty();
        // What is answered is committed within 1.25 s on a machine that is not busy.
        TimeUnit.SECONDS.sleep(10);
        worker.kill();
      }
      proxy.release();
      TimeUnit.MILLISECONDS.sleep(
          Math.max(0, Duration.between(Instant.now(), expiry).toMillis()) + 1);
      try (WorkerProcess _ = WorkerProcess.start(deployment, "a")) {
        deployment.agent().ensure(served, "last", expiry);
        deployment.log().awaitAnswer("last", Deployment.SOON); // behind all others of the user
        List<String> again = new ArrayList<>(ensures);
        again.removeIf(ensure -> deployment.log().answers(ensure).size() == 1);
        assertThat(again).as("answered again").isEmpty();
        assertThat(deployment.log().awaitAnswer("slow", Deployment.SOON)).isInstanceOf(Ready.class);
      }
    }
  }
}
