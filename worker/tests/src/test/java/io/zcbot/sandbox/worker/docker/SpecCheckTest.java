/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpecCheckTest {
  private static final UserId USER = new UserId(new UUID(0, 1));
  private static final Path WORKSPACE = Path.of("/ws/" + USER);
  private static final SandboxSpec SPEC =
      new SandboxSpec(
          "image",
          null,
          new ResourceLimits(1 << 30, 1.0, 64, 1 << 20, null, null),
          "net",
          new NetworkPolicy(
              FirewallMode.CONTAINER, new Egress.Public(), new Dns.EngineDefault(), List.of()));

  private FakeDockerApi fake;
  private DockerEngine engine;
  private SandboxEngine sandboxes;

  @BeforeEach
  void setUp() throws IOException {
    fake = new FakeDockerApi();
    Duration patience = Duration.ofSeconds(60);
    engine =
        fake.client(
            new DockerEngineSettings(patience, patience, patience, patience, 4),
            SandboxMetrics.NONE);
    sandboxes = engine.sandboxes(SPEC);
    fake.on("POST", "/containers/create", status(201, "{\"Id\":\"probe\"}"))
        .on("GET", "/containers/probe/json", inspect("probe", WORKSPACE.getParent(), ""))
        .on("DELETE", "/containers/probe", status(204, ""));
  }

  @AfterEach
  void tearDown() throws IOException {
    engine.close();
    fake.close();
  }

  /**
   * The description of a container, with fields in its HostConfig that docker-java does not know.
   */
  private static Reply inspect(String id, Path workspace, String more, String... replacements) {
    String body =
        """
        {"Id":"%1$s","Name":"/x","Image":"sha256:1","Path":"init","Args":[],
         "State":{"Status":"running","StartedAt":"2026-01-02T03:04:05Z"},
         "HostConfig":{"Memory":1,"CapAdd":["NET_ADMIN"],"CapDrop":["ALL"],"Privileged":false,
           "Devices":[],"PidMode":"","Ulimits":null,"MaskedPaths":["/proc/kcore"],
           "RestartPolicy":{"Name":"no","MaximumRetryCount":0},
           "Mounts":[{"Type":"bind","Source":"%2$s","Target":"/workspace"}]%3$s},
         "Mounts":[{"Type":"bind","Source":"%2$s","Destination":"/workspace","RW":true}],
         "NetworkSettings":{"Networks":{"net":{"IPAddress":"172.17.0.%4$d"}}},
         "Config":{"Hostname":"sandbox","Image":"image","User":"0:0","WorkingDir":"/workspace",
           "Env":["PATH=/bin","ZCBOT_PG_IPS="],"Entrypoint":["init"],
           "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%5$s","zcbot.worker":"w1",
             "zcbot.spec":"%6$s"}}}"""
            .formatted(id, workspace, more, id.length(), USER, SPEC.hash());
    for (int i = 0; i < replacements.length; i += 2) {
      assertThat(body).contains(replacements[i]);
      body = body.replace(replacements[i], replacements[i + 1]);
    }
    return status(200, body);
  }

  private boolean verify(Reply answer) throws EngineException {
    fake.on("GET", "/containers/c/json", answer);
    return sandboxes.verify("c", USER, WORKSPACE).orElseThrow().isAsSpecified();
  }

  @Test
  void whatIsLikeTheModelIsAsSpecifiedAndTheModelIsMadeOnce() throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThat(verify(inspect("c", WORKSPACE, ""))).isTrue();
    }
    assertThat(fake.asked("POST", "/containers/create")).hasSize(1);
    assertThat(fake.asked("POST", "/containers/create").getFirst().body())
        .doesNotContain("\"sandbox\"}", "zcbot.user_id");
    assertThat(fake.asked("DELETE", "/containers/probe")).hasSize(1);
    assertThat(fake.asked("POST", "/containers/probe/start")).isEmpty();
  }

  @Test
  void theFirstThatIsCreatedIsTheModel() throws Exception {
    fake.on(
            "GET",
            "/networks/net",
            status(
                200,
                "{\"Name\":\"net\",\"Id\":\"n\",\"Driver\":\"bridge\",\"Options\":"
                    + "{\"com.docker.network.bridge.enable_icc\":\"false\"}}"))
        .on("POST", "/containers/create", status(201, "{\"Id\":\"first\"}"))
        .on("GET", "/containers/first/json", inspect("first", WORKSPACE, ""));
    sandboxes.create(USER, WORKSPACE);
    assertThat(verify(inspect("c", WORKSPACE, ""))).isTrue();
    assertThat(fake.asked("POST", "/containers/create")).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"Memory\":1|\"Memory\":2",
        "\"Memory\":1|\"Memory\":0",
        "\"Memory\":1|\"Memory\":1,\"BlkioWeight\":1000",
        "\"Memory\":1|\"Memory\":1,\"CgroupParent\":\"/other\"",
        "NET_ADMIN|SYS_ADMIN",
        "\"CapDrop\":[\"ALL\"]|\"CapDrop\":null",
        "\"Privileged\":false|\"Privileged\":true",
        "\"Devices\":[]|\"Devices\":[{\"PathOnHost\":\"/dev/sda\"}]",
        "\"PidMode\":\"\"|\"PidMode\":\"host\"",
        "\"Name\":\"no\"|\"Name\":\"always\"",
        "\"MaskedPaths\":[\"/proc/kcore\"]|\"MaskedPaths\":[]",
        "\"Networks\":{|\"Networks\":{\"other\":{},",
        "\"Image\":\"image\"|\"Image\":\"other\"",
        "\"User\":\"0:0\"|\"User\":\"1:1\"",
        "ZCBOT_PG_IPS=|ZCBOT_PG_IPS=203.0.113.7",
        "\"PATH=/bin\"|\"PATH=/workspace\"",
        "\"Entrypoint\":[\"init\"]|\"Entrypoint\":[\"sleep\"]",
        "\"RW\":true|\"RW\":false",
        "[\"init\"],|[\"init\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]},",
      })
  void whatDiffersAnywhereIsNot(String from, String to) throws Exception {
    assertThat(verify(inspect("c", WORKSPACE, "", from, to))).isFalse();
  }

  /** An earlier version left that out, and its sandboxes stay. */
  @Test
  void aHealthCheckThatIsSwitchedOffIsLikeNone() throws Exception {
    String off = "[\"init\"],\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":1000000000},";
    assertThat(verify(inspect("c", WORKSPACE, "", "[\"init\"],", off))).isTrue();
  }

  @Test
  void aFieldThatNobodyKnowsCountsUnlessItSaysNothing() throws Exception {
    assertThat(verify(inspect("c", WORKSPACE, ",\"Lift\":[],\"Off\":false,\"N\":0"))).isTrue();
    assertThat(verify(inspect("c", WORKSPACE, ",\"Lift\":\"all\""))).isFalse();
  }

  @Test
  void anotherDirectoryInTheWorkspacesPlaceCounts() throws Exception {
    assertThat(verify(inspect("c", Path.of("/ws/other"), ""))).isFalse();
    assertThat(verify(inspect("c", Path.of("/"), ""))).isFalse();
  }

  @Test
  void anImageThatWasBuiltAnewSinceIsNoReasonToReplace() throws Exception {
    assertThat(
            verify(
                inspect(
                    "c", WORKSPACE, "", "sha256:1", "sha256:0", "[\"init\"]", "[\"old-init\"]")))
        .isTrue();
  }

  /** An upgraded engine describes the same anew: it is asked again before anything is replaced. */
  @Test
  void theModelIsMadeAnewBeforeAContainerIsCondemned() throws Exception {
    verify(inspect("c", WORKSPACE, ""));
    Reply upgraded = inspect("c", WORKSPACE, ",\"NewDefault\":7");
    fake.on(
        "GET",
        "/containers/probe/json",
        inspect("probe", WORKSPACE.getParent(), ",\"NewDefault\":7"));
    assertThat(verify(upgraded)).isTrue();
    assertThat(fake.asked("POST", "/containers/create")).hasSize(2);
  }

  @Test
  void whatAnotherWorkerMadeIsNotLookedInto() throws Exception {
    assertThat(
            verify(
                inspect("c", WORKSPACE, "", "\"zcbot.worker\":\"w1\"", "\"zcbot.worker\":\"w2\"")))
        .isFalse();
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();
  }

  /** Both serve the user, and would replace each other's sandbox for ever. */
  @Test
  void whatAWorkerOfAnotherFleetMadeIsLeftAlone() throws Exception {
    SandboxEngine ofFleet = engine.sandboxes(SPEC, SandboxUids.SHARED, "cluster-1/");
    String worker = "\"zcbot.worker\":\"w1\"";
    fake.on(
        "GET",
        "/containers/c/json",
        inspect(
            "c", WORKSPACE, "", worker, "\"zcbot.worker\":\"w2\",\"zcbot.fleet\":\"cluster-2/\""));
    assertThatThrownBy(() -> ofFleet.verify("c", USER, WORKSPACE))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.kind().isRetryable()).isFalse())
        .hasMessageContaining("belongs to worker w2 of another fleet (cluster-2/;")
        .hasMessageEndingWith("docker rm -f x");
    for (String own : List.of("", ",\"zcbot.fleet\":\"cluster-1/\"")) {
      fake.on(
          "GET",
          "/containers/c/json",
          inspect("c", WORKSPACE, "", worker, "\"zcbot.worker\":\"w2\"" + own));
      assertThat(ofFleet.verify("c", USER, WORKSPACE))
          .hasValueSatisfying(found -> assertThat(found.isAsSpecified()).isFalse());
    }
  }

  @Test
  void anotherLabelIsNotLookedIntoAndNothingIsNothing() throws Exception {
    assertThat(verify(inspect("c", WORKSPACE, "", SPEC.hash(), "another"))).isFalse();
    fake.on("GET", "/containers/c/json", error(404, "No such container: c"));
    assertThat(sandboxes.verify("c", USER, WORKSPACE)).isEqualTo(Optional.empty());
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();
  }

  @Test
  void withoutAModelNothingIsBelieved() throws Exception {
    fake.on("POST", "/containers/create", error(404, "No such image: image:latest"));
    assertThat(verify(inspect("c", WORKSPACE, ""))).isFalse();
  }

  @Test
  void anEngineThatCanNotSayRightNowIsAskedLater() {
    fake.on("POST", "/containers/create", error(503, "busy"));
    EngineException e =
        catchThrowableOfType(EngineException.class, () -> verify(inspect("c", WORKSPACE, "")));
    assertThat(e.kind().isRetryable()).isTrue();
  }

  @Test
  void theProbeGoesEvenIfItCanNotBeSeen() {
    fake.on("GET", "/containers/probe/json", error(500, "oops"));
    assertThat(
            catchThrowableOfType(EngineException.class, () -> verify(inspect("c", WORKSPACE, ""))))
        .isNotNull();
    assertThat(fake.asked("DELETE", "/containers/probe")).hasSize(1);
  }

  @Test
  void halfADescriptionIsNone() {
    EngineException e =
        catchThrowableOfType(
            EngineException.class,
            () -> verify(inspect("c", WORKSPACE, "", "\"NetworkSettings\"", "\"X\"")));
    assertThat(e.kind()).isEqualTo(EngineException.Kind.UNAVAILABLE);
  }
}
