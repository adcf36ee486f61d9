/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

class ContainerRemovalTest extends AdapterTestCase {
  @Test
  void killingWhatDoesNotRunIsNoFailure() throws EngineException {
    for (Reply reply :
        List.of(
            status(204, ""),
            error(404, "No such container: c1"),
            error(409, "container c1 is not running"))) {
      fake.on("POST", "/containers/c1/kill", reply);
      engine.kill("c1");
    }
    fake.on("POST", "/containers/c1/kill", error(500, "unknown error after kill"));
    assertThat(failure(() -> engine.kill("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }

  @Test
  void removingWhatIsGoneOrGoesIsNoFailure() throws EngineException {
    fake.on("DELETE", "/containers/c1", status(204, ""));
    engine.remove("c1");
    assertThat(fake.asked("DELETE", "/containers/c1").getFirst().target()).contains("force=true");

    fake.on("DELETE", "/containers/c1", error(404, "No such container: c1"));
    engine.remove("c1");

    fake.on(
        "DELETE", "/containers/c1", error(409, "removal of container c1 is already in progress"));
    fake.on("POST", "/containers/c1/wait", status(200, "{\"StatusCode\":137}"));
    engine.remove("c1");
    assertThat(fake.asked("POST", "/containers/c1/wait").getFirst().target())
        .contains("condition=removed");

    fake.on("POST", "/containers/c1/wait", error(404, "No such container: c1"));
    engine.remove("c1");
  }

  @Test
  void removalsThatFail() {
    fake.on("DELETE", "/containers/c1", error(500, "unable to remove filesystem for c1"));
    assertThat(failure(() -> engine.remove("c1")).kind()).isEqualTo(Kind.TRANSIENT);

    fake.on(
        "DELETE", "/containers/c1", error(409, "removal of container c1 is already in progress"));
    fake.on(
        "POST",
        "/containers/c1/wait",
        status(200, "{\"StatusCode\":-1,\"Error\":{\"Message\":\"unable to remove filesystem\"}}"));
    assertThat(failure(() -> engine.remove("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }
}
