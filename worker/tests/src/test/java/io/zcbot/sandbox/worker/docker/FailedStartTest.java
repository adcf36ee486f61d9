/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.testkit.FakeMounts;
import io.zcbot.sandbox.worker.testkit.TestWorkspaces;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How an ensure handles a start that fails: the domain over the adapter. */
class FailedStartTest extends AdapterTestCase {
  /** The engine's answer when runc's first process died before it was set up. */
  private static final String RUNC_DIED =
      "failed to create task for container: failed to create shim task: OCI runtime create failed:"
          + " runc create failed: unable to start container process: waiting for init preliminary"
          + " setup: read init-p: connection reset by peer: unknown";

  @TempDir Path directory;

  @Test
  void whatFailsByChanceIsMadeAnewAndTheUserGetsReady() throws Exception {
    String name = "/containers/zcbot-sandbox-" + USER + "/json";
    fake.on("POST", "/containers/create", CREATED, status(201, "{\"Id\":\"c2\"}"))
        .on("POST", "/containers/c1/start", error(500, RUNC_DIED))
        .on("DELETE", "/containers/c1", status(204, ""))
        .on("GET", name, error(404, "No such container"))
        .on("POST", "/containers/c2/attach", READY)
        .on("POST", "/containers/c2/start", status(204, ""))
        .on("GET", "/containers/c2/json", running("c2"));

    assertThat(answer())
        .isInstanceOfSatisfying(
            Ready.class,
            ready -> {
              assertThat(ready.containerId()).isEqualTo("c2");
              assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
            });
    assertThat(fake.asked("POST", "/containers/create")).hasSize(2);
    assertThat(fake.asked("DELETE", "/containers/c1")).hasSize(1);
  }

  /** The one that never ran is found under the user's name by the next attempt, and goes then. */
  @Test
  void evenIfItCouldNotBeRemovedAtOnce() throws Exception {
    String name = "/containers/zcbot-sandbox-" + USER + "/json";
    String left =
        """
        {"Id":"c1","Name":"/zcbot-sandbox-%1$s","State":{"Status":"created"},
         "Config":{"Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s",
                   "zcbot.worker":"w1","zcbot.spec":"another"}}}"""
            .formatted(USER);
    fake.on("POST", "/containers/create", CREATED, status(201, "{\"Id\":\"c2\"}"))
        .on("POST", "/containers/c1/start", error(500, RUNC_DIED))
        .on("DELETE", "/containers/c1", error(500, "busy"), status(204, ""))
        .on("POST", "/containers/c1/kill", error(409, "container c1 is not running"))
        .on("GET", name, status(200, left), error(404, "No such container"))
        .on("POST", "/containers/c2/attach", READY)
        .on("POST", "/containers/c2/start", status(204, ""))
        .on("GET", "/containers/c2/json", running("c2"));

    assertThat(answer())
        .isInstanceOfSatisfying(
            Ready.class, ready -> assertThat(ready.containerId()).isEqualTo("c2"));
    assertThat(fake.asked("DELETE", "/containers/c1")).hasSize(2);
  }

  /** The answer to the user's ensure, which is one event. */
  private SandboxEvent answer() throws Exception {
    try (var domains = new DomainInATest(engine, "w1", TestWorkspaces.open(directory))) {
      var domain = domains.begin(sandboxes, new FakeMounts(() -> false), 0);
      SandboxEvent answer = domains.ensure(domain, USER);
      assertThat(domains.log).containsExactly(answer);
      return answer;
    }
  }
}
