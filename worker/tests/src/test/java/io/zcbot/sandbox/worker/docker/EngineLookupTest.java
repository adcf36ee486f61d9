/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.eof;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.half;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.Container.State;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class EngineLookupTest extends AdapterTestCase {
  @Test
  void findsWhatIsThere() throws EngineException {
    fake.on(
        "GET",
        "/containers/c1/json",
        status(
            200,
            """
            {"Id":"c1","Name":"/zcbot-sandbox-%1$s",
             "State":{"Status":"exited","ExitCode":137,"OOMKilled":true,
                      "StartedAt":"2026-01-02T03:04:05.123456789Z"},
             "Config":{"Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s",
                       "zcbot.worker":"w1","zcbot.spec":"s1"}}}"""
                .formatted(USER)));

    assertThat(engine.find("c1"))
        .contains(
            new Container(
                "c1",
                "zcbot-sandbox-" + USER,
                State.ENDED,
                new Ownership(USER, null, "w1", true),
                "s1",
                Instant.parse("2026-01-02T03:04:05.123456789Z"),
                137,
                true));
    assertThat(metrics).containsExactly("inspect ok");
  }

  @Test
  void absentIsNoFailure() throws EngineException {
    fake.on("GET", "/containers/c1/json", error(404, "No such container: c1"));

    assertThat(engine.find("c1")).isEmpty();
    assertThat(metrics).containsExactly("inspect absent");
  }

  @Test
  void listsSandboxesAndLeavesOutWhatIsOfNoUser() throws EngineException {
    fake.on(
        "GET",
        "/containers/json",
        status(
            200,
            """
            [{"Id":"c1","Names":["/other/alias","/zcbot-sandbox-%1$s"],"State":"paused",
              "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s","zcbot.spec":"s1"}},
             {"Id":"c2","Names":["/x"],"State":"running",
              "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"../x"}},
             {"Id":"c3","Names":["/y"],"State":"running","Labels":{"zcbot.product":"sandbox"}}]"""
                .formatted(USER)));

    assertThat(engine.list())
        .containsExactly(
            new Container(
                "c1",
                "zcbot-sandbox-" + USER,
                State.PAUSED,
                new Ownership(USER, null, null, false),
                "s1",
                null,
                null,
                false));
    assertThat(fake.asked("GET", "/containers/json").getFirst().target())
        .contains("all=true")
        .contains("zcbot.product%3Dsandbox");
  }

  @Test
  void halfAnAnswerIsNotAbsence() {
    for (Reply reply : List.of(reset(), eof(), half("{\"Id\":\"c1\","), half(""))) {
      fake.on("GET", "/containers/c1/json", reply);

      assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.UNAVAILABLE);
    }
    // well-formed, and yet nothing one could go by
    for (String body : List.of("{}", "{\"Id\":\"c1\"}", "[]", "null", "<html>")) {
      fake.on("GET", "/containers/c1/json", status(200, body));

      assertThat(failure(() -> engine.find("c1")).kind()).as(body).isEqualTo(Kind.UNAVAILABLE);
    }
  }

  @Test
  void aProxysErrorIsNotAbsence() {
    fake.on("GET", "/containers/c1/json", status(404, "404 page not found"));

    assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }

  @Test
  void overloadIsTransient() {
    fake.on("GET", "/containers/json", error(503, "try later"));
    fake.on("GET", "/containers/c1/json", error(500, "layer does not exist"));

    assertThat(failure(engine::list).kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(fake.asked("GET", "/containers/json")).as("the transport's own retry").hasSize(2);
    assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }

  @Test
  void anExecRunsWhileTheEngineSaysSo() throws EngineException {
    fake.on(
        "GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":[\"e1\",\"e2\"]}"));
    fake.on("GET", "/exec/e1/json", status(200, "{\"ID\":\"e1\",\"Running\":false}"));
    fake.on("GET", "/exec/e2/json", status(200, "{\"ID\":\"e2\",\"Running\":true}"));
    assertThat(engine.hasRunningExec("c1")).isTrue();

    fake.on("GET", "/exec/e2/json", running("/usr/local/lib/zcbot/zcbot-runner-exec", ""));
    assertThat(engine.hasRunningExec("c1")).as("the worker's own").isFalse();
    fake.on("GET", "/exec/e2/json", running("/usr/local/lib/zcbot/zcbot-runner", "\"x\""));
    assertThat(engine.hasRunningExec("c1")).isTrue();
    fake.on("GET", "/exec/e2/json", running("bash", ""));
    assertThat(engine.hasRunningExec("c1")).isTrue();

    fake.on("GET", "/exec/e2/json", error(404, "No such exec instance: e2"));
    assertThat(engine.hasRunningExec("c1")).isFalse();

    fake.on("GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":null}"));
    assertThat(engine.hasRunningExec("c1")).isFalse();

    fake.on("GET", "/containers/c1/json", error(404, "No such container: c1"));
    assertThat(failure(() -> engine.hasRunningExec("c1")).kind()).isEqualTo(Kind.ABSENT);

    fake.on("GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":[\"e1\"]}"));
  }

  @Test
  void processorTimeIsReportedWithoutAWaitForASecondLook() throws EngineException {
    fake.on(
        "GET",
        "/containers/c1/stats",
        status(200, "{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":1500000000}}}"));
    assertThat(engine.cpuTime("c1")).isEqualTo(Duration.ofMillis(1500));

    for (String body :
        List.of("{}", "[]", "{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":\"x\"}}}")) {
      fake.on("GET", "/containers/c1/stats", status(200, body));
      assertThat(failure(() -> engine.cpuTime("c1")).kind()).as(body).isEqualTo(Kind.UNAVAILABLE);
    }
    fake.on("GET", "/containers/c1/stats", error(404, "No such container: c1"));
    assertThat(failure(() -> engine.cpuTime("c1")).kind()).isEqualTo(Kind.ABSENT);
  }

  private static FakeDockerApi.Reply running(String program, String arguments) {
    return status(
        200,
        """
        {"ID":"e2","Running":true,
         "ProcessConfig":{"tty":false,"entrypoint":"%s","arguments":[%s],"privileged":false}}"""
            .formatted(program, arguments));
  }
}
