/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.half;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hang;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.FakeDockerApi.Request;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class SandboxCreateTest extends AdapterTestCase {
  @Test
  void createsWithEveryLimit() throws EngineException {
    assertThat(create()).isEqualTo("c1");

    Request request = fake.asked("POST", "/containers/create").getFirst();
    assertThat(request.target()).contains("name=zcbot-sandbox-" + USER);
    assertThat(request.body())
        .contains("\"ZCBOT_PG_IPS=203.0.113.7,198.51.100.0/24\"")
        .contains("\"NanoCpus\":1500000000")
        .as("an eighth of what other containers have by default")
        .contains("\"CpuShares\":128,")
        .contains("\"Memory\":2147483648")
        .contains("\"MemorySwap\":2147483648")
        .contains("\"zcbot.spec\":\"" + SPEC.hash() + "\"")
        .contains("\"Source\":\"" + WORKSPACE + "\"")
        .contains("disable_ipv6")
        .contains("\"Test\":[\"NONE\"]")
        .doesNotContain("\"Binds\":[\"");
    assertThat(fake.asked())
        .containsExactly("GET /networks/net", "POST /containers/create", "GET /containers/c1/json");
  }

  /** Commands go in and out by the streams of what is the first process then. */
  @Test
  void whereNothingInsideSetsRulesTheRunnerIsTheFirstProcess() throws EngineException {
    create();
    assertThat(fake.asked("POST", "/containers/create").getFirst().body())
        .contains("\"OpenStdin\":false", "\"Type\":\"local\"");

    SandboxSpec alone =
        new SandboxSpec(
            SPEC.image(),
            null,
            SPEC.limits(),
            "net",
            EngineFixture.policy(
                FirewallMode.CONTAINER, new Egress.None(), new Dns.EngineDefault()));
    engine.sandboxes(alone).create(USER, WORKSPACE);
    assertThat(fake.asked("POST", "/containers/create").getLast().body())
        .contains(
            "\"OpenStdin\":true",
            "\"StdinOnce\":false",
            "\"Init\":false",
            "\"Type\":\"none\"",
            "\"Tty\":false");
  }

  @Test
  void runtimeResolversAndWeightArePassedOn() throws EngineException {
    SandboxSpec special =
        new SandboxSpec(
            SPEC.image(),
            "runsc",
            new ResourceLimits(
                SPEC.limits().memoryBytes(),
                SPEC.limits().cpus(),
                SPEC.limits().pids(),
                SPEC.limits().tmpBytes(),
                300,
                "/sandboxes"),
            SPEC.network(),
            new NetworkPolicy(
                FirewallMode.CONTAINER,
                new Egress.Public(),
                new Dns.Resolvers(List.of("9.9.9.9")),
                List.of()));

    engine.sandboxes(special).create(USER, WORKSPACE);

    assertThat(fake.asked("POST", "/containers/create").getFirst().body())
        .contains(
            "\"Runtime\":\"runsc\"",
            "\"BlkioWeight\":300",
            "\"CgroupParent\":\"/sandboxes\"",
            "\"Dns\":[\"9.9.9.9\"]",
            "\"ZCBOT_PG_IPS=\"");
  }

  @Test
  void refusedCreates() {
    assertCreateFails(error(400, "Invalid container name (a b)"), Kind.REJECTED);
    assertCreateFails(
        error(400, "invalid mount config for type \"bind\": bind source path does not exist: /w"),
        Kind.TRANSIENT);
    assertCreateFails(error(409, "Conflict. The container name is already in use"), Kind.CONFLICT);
    assertCreateFails(error(500, "no space left on device"), Kind.CAPACITY);
    assertCreateFails(reset(), Kind.UNAVAILABLE);
    assertCreateFails(half("{\"Id\":"), Kind.UNAVAILABLE);
    assertCreateFails(status(201, "{}"), Kind.UNAVAILABLE);
  }

  @Test
  void aMissingImageIsPulledOnce() throws EngineException {
    fake.on(
        "POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"), CREATED);
    fake.on("POST", "/images/create", status(200, "{\"status\":\"Pull complete\"}\n"));

    assertThat(create()).isEqualTo("c1");
    assertThat(fake.asked())
        .containsExactly(
            "GET /networks/net",
            "POST /containers/create",
            "POST /images/create",
            "POST /containers/create",
            "GET /containers/c1/json");
  }

  @Test
  void anImageThatCantBePulledIsMissing() {
    String denied = "pull access denied for zcbot-sandbox, repository does not exist";
    for (Reply reply :
        List.of(
            error(404, denied),
            error(500, "Get https://registry-1.docker.io/v2/: dial tcp: no such host"),
            status(200, "{\"errorDetail\":{\"message\":\"" + denied + "\"},\"error\":\"x\"}\n"),
            hang(),
            openStream("{\"status\":\"Waiting\"}".getBytes(StandardCharsets.UTF_8)))) {
      impatient();
      fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
      fake.on("POST", "/images/create", reply);

      EngineException e = failure(this::create);

      assertThat(e.kind()).isEqualTo(Kind.IMAGE_MISSING);
      assertThat(e.getMessage())
          .startsWith(
              "pull: the engine does not have the image zcbot-sandbox:latest, and pulling"
                  + " it failed:")
          .contains("docker build -t zcbot-sandbox:latest sandbox-image");
    }
  }

  @Test
  void anEngineThatIsAwayOrFullIsNoMissingImage() {
    fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
    fake.on("POST", "/images/create", reset());
    assertThat(failure(this::create).kind()).isEqualTo(Kind.UNAVAILABLE);

    engine.close();
    connect(8, PATIENT);
    fake.on(
        "POST",
        "/images/create",
        status(200, "{\"errorDetail\":{\"message\":\"write /x: no space left on device\"}}"));
    assertThat(failure(this::create).kind()).isEqualTo(Kind.CAPACITY);
  }

  @Test
  void aQueueOfEnsuresPullsOnceAndAPresentImageNeedsNoPull() throws Exception {
    fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
    fake.on("POST", "/images/create", error(404, "manifest unknown"));
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      threads.add(Thread.ofVirtual().start(() -> failures.add(failure(this::create))));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(failures)
        .hasSize(50)
        .extracting(EngineException::kind)
        .containsOnly(Kind.IMAGE_MISSING);
    assertThat(fake.asked("POST", "/images/create")).hasSize(1);

    // somebody builds it: no restart, no waiting
    fake.on("POST", "/containers/create", CREATED);
    assertThat(create()).isEqualTo("c1");
  }

  private void assertCreateFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/create", reply);
    assertThat(failure(this::create).kind()).isEqualTo(kind);
  }
}
