/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Request;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SandboxNetworkTest extends AdapterTestCase {
  @Test
  void aMissingNetworkIsMadeOnceAndRemembered() throws Exception {
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on("POST", "/networks/create", status(201, "{\"Id\":\"n1\"}"));
    AtomicInteger created = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      create();
                      created.incrementAndGet();
                    } catch (EngineException e) {
                      throw new AssertionError(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(created).hasValue(50);
    assertThat(fake.asked("POST", "/networks/create"))
        .singleElement()
        .extracting(Request::body)
        .asString()
        .contains("\"Driver\":\"bridge\"")
        .contains("\"com.docker.network.bridge.enable_icc\":\"false\"")
        .contains("\"zcbot.product\":\"sandbox-network\"");
    assertThat(fake.asked("GET", "/networks/net")).hasSize(1);
  }

  @Test
  void aNetworkMadeByAnotherMeanwhileIsFine() throws EngineException {
    fake.on("GET", "/networks/net", error(404, "network net not found"), NETWORK);
    fake.on("POST", "/networks/create", error(409, "network with name net already exists"));

    assertThat(create()).isEqualTo("c1");
  }

  @Test
  void fullAddressPoolsAreCapacityDespiteThe400() {
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on(
        "POST",
        "/networks/create",
        error(400, "all predefined address pools have been fully subnetted"));

    EngineException e = failure(this::create);

    assertThat(e.kind()).isEqualTo(Kind.CAPACITY);
    assertThat(e.operation()).isEqualTo("network_create");
  }

  @Test
  void aNetworkThatJoinsSandboxesIsRefused() {
    fake.on(
        "GET",
        "/networks/net",
        status(200, "{\"Name\":\"net\",\"Driver\":\"bridge\",\"Options\":{}}"));

    EngineException e = failure(this::create);

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("lets sandboxes reach one another", "remove it");
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();
  }

  @Test
  void aVanishedNetworkIsMadeAgain() throws EngineException {
    create();
    fake.on("POST", "/containers/c1/start", error(404, "network net not found"), status(204, ""));
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on("POST", "/networks/create", status(201, "{\"Id\":\"n2\"}"));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.CONFLICT);
    create();
    assertThat(fake.asked("POST", "/networks/create")).hasSize(1);

    // engines that look for the network earlier
    fake.on("POST", "/containers/create", error(404, "network net not found"), CREATED);
    assertThat(create()).isEqualTo("c1");
    assertThat(fake.asked("POST", "/networks/create")).hasSize(2);
  }
}
