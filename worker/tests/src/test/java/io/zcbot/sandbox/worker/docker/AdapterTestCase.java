/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The adapter over a fake Docker API, which has a network and creates and starts a container. */
@Execution(ExecutionMode.CONCURRENT) // they wait for time-outs
abstract class AdapterTestCase {
  /** Long enough for a loaded machine; no test waits for it to pass. */
  static final Duration PATIENT = Duration.ofSeconds(60);

  /** For calls that hang. */
  static final Duration IMPATIENT = Duration.ofSeconds(5);

  static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  static final Path WORKSPACE = Path.of("/w/" + USER);
  static final SandboxSpec SPEC =
      new SandboxSpec(
          "zcbot-sandbox:latest",
          null,
          new ResourceLimits(2L << 30, 1.5, 256, 512L << 20, null, null),
          "net",
          new NetworkPolicy(
              FirewallMode.CONTAINER,
              new Egress.Public(),
              new Dns.EngineDefault(),
              List.of("203.0.113.7", "198.51.100.0/24")));
  static final Reply NETWORK =
      status(
          200,
          """
          {"Name":"net","Id":"n1","Driver":"bridge",
           "Options":{"com.docker.network.bridge.enable_icc":"false"}}""");
  static final Reply CREATED = status(201, "{\"Id\":\"c1\",\"Warnings\":[]}");
  static final Reply READY =
      openStream(frame(1, "zcbot-sandbox ready firewall=container ipv4=16 ipv6=disabled\n"));

  final List<String> metrics = new CopyOnWriteArrayList<>();
  FakeDockerApi fake;
  DockerEngine engine;
  DockerSandboxes sandboxes;

  /** Loads the classes first, which must not count against the deadline of the first test. */
  @BeforeAll
  static void warmUp() throws Exception {
    AdapterTestCase test = new AdapterTestCase() {};
    test.setUp();
    test.create();
    test.fake.on("GET", "/containers/c1/json", running("c1"));
    var _ = test.sandboxes.start("c1");
    test.tearDown();
  }

  @BeforeEach
  void setUp() throws IOException {
    fake = new FakeDockerApi();
    connect(8, PATIENT);
    fake.on("GET", "/networks/net", NETWORK).on("POST", "/containers/create", CREATED);
    fake.on("POST", "/containers/c1/attach", READY);
    fake.on("POST", "/containers/c1/start", status(204, ""));
  }

  @AfterEach
  void tearDown() throws IOException {
    engine.close();
    fake.close();
  }

  String create() throws EngineException {
    return sandboxes.create(USER, WORKSPACE);
  }

  void impatient() {
    engine.close();
    connect(8, IMPATIENT);
  }

  void connect(int maxLookups, Duration deadline) {
    engine = fake.client(settings(maxLookups, deadline), new RecordedCalls(metrics));
    sandboxes = engine.sandboxes(SPEC);
  }

  static DockerEngineSettings settings(int maxLookups, Duration deadline) {
    return new DockerEngineSettings(deadline, deadline, deadline, deadline, maxLookups);
  }

  /** The engine's description of a container that runs. */
  static Reply running(String id) {
    return status(
        200,
        """
        {"Id":"%1$s","Name":"/%1$s","Config":{},
         "State":{"Status":"running","StartedAt":"2026-11-26T08:00:00Z"}}"""
            .formatted(id));
  }

  static EngineException failure(Call call) {
    EngineException e = catchThrowableOfType(EngineException.class, call::run);
    assertThat(e).as("an exception").isNotNull();
    return e;
  }

  /** A call that must fail. */
  interface Call {
    void run() throws EngineException;
  }
}
