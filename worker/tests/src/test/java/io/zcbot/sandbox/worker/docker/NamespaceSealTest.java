/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hijacked;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NamespaceSealTest extends HostRulesTestCase {

  private static final Reply RULES =
      openStream(frame(1, "zcbot-sandbox ready table=x found=none\n"));

  private final List<String> asked = new CopyOnWriteArrayList<>();

  @BeforeEach
  void setUp() {
    fake.on("POST", "/containers/create", status(201, "{\"Id\":\"helper\"}"))
        .on("POST", "/containers/helper/start", status(204, ""))
        .on("DELETE", "/containers/helper", status(204, ""))
        .on("POST", "/containers/c1/start", status(204, ""))
        .on("POST", "/containers/c1/kill", status(204, ""))
        .on(
            "POST",
            "/containers/c1/attach",
            openStream(frame(1, "zcbot-sandbox ready firewall=host\n")));
    runs(4711);
  }

  private void runs(int process) {
    runs(process, "net", "172.30.0.1");
  }

  private void runs(int process, String network, String gateway) {
    fake.on(
        "GET",
        "/containers/c1/json",
        status(
            200,
            """
            {"Id":"c1","Name":"/c1","Config":{},"State":{"Pid":%d},"NetworkSettings":{"Networks":{"%s":{"Gateway":"%s"}}}}\
            """
                .formatted(process, network, gateway)));
  }

  /** One after the other says so to the first question, and ends if it says nothing. */
  private void helpers(String... answers) {
    List<Reply> replies = new CopyOnWriteArrayList<>(List.of(RULES));
    for (String answer : answers) {
      replies.add(
          hijacked(
              (in, out) -> {
                out.write(frame(1, "zcbot-sandbox ready seal=yes\n"));
                out.flush();
                BufferedReader lines =
                    new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
                for (String line = lines.readLine();
                    line != null && !answer.isEmpty();
                    line = lines.readLine()) {
                  asked.add(line);
                  out.write(frame(1, answer + "\n"));
                  out.flush();
                }
              }));
    }
    fake.on("POST", "/containers/helper/attach", replies.toArray(Reply[]::new));
    sandboxes.checkFirewall();
    assertThat(sandboxes.firewallProblem()).isNull();
  }

  private EngineException failure() {
    return catchThrowableOfType(EngineException.class, () -> sandboxes.start("c1"));
  }

  @Test
  void oneHelperSealsAll() throws EngineException {
    helpers("sealed 4711");

    sandboxes.start("c1");
    sandboxes.start("c1");

    assertThat(asked).containsExactly("4711 172.30.0.1", "4711 172.30.0.1");
    assertThat(fake.asked("POST", "/containers/create").getLast().body())
        .contains(
            "\"PidMode\":\"host\"", "\"NetworkMode\":\"none\"", "\"StdinOnce\":true", "\"seal\"");
    assertThat(fake.asked("POST", "/containers/create")).as("and the rules'").hasSize(2);
  }

  @Test
  void aHelperThatEndedIsReplaced() throws EngineException {
    helpers("", "sealed 4711");

    sandboxes.start("c1");

    assertThat(asked).hasSize(1);
    assertThat(fake.asked("POST", "/containers/create")).hasSize(3);
  }

  @Test
  void withoutASealNothingStarts() {
    helpers("failed 4711: nft: Operation not supported");

    EngineException e = failure();

    assertThat(e.kind()).isEqualTo(Kind.UNPROTECTED);
    assertThat(e.getMessage()).contains("nft: Operation not supported");
  }

  /** As one made with --internal has none. */
  @Test
  void aNetworkWithoutAGatewayIsNamed() {
    helpers("sealed 4711");
    runs(4711, "net", "");

    EngineException e = failure();

    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("the network net has no IPv4 gateway", "--internal");
    assertThat(fake.asked("POST", "/containers/create")).as("the rules' helper only").hasSize(1);
  }

  /** The engine knows networks by their ids as well, but names them here. */
  @Test
  void aNetworkThatIsNotSetByItsNameIsNamed() {
    helpers("sealed 4711");
    runs(4711, "another", "172.30.0.1");

    EngineException e = failure();

    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("no network net", "ZCBOT_SANDBOX_NETWORK", "not its id");
    assertThat(fake.asked("POST", "/containers/create")).as("the rules' helper only").hasSize(1);
  }

  /** A sandbox that is told of otherwise, say a slow one's late answer. */
  @Test
  void theSealOfAnotherIsNone() {
    helpers("sealed 471", "sealed 471");

    assertThat(failure().kind()).isEqualTo(Kind.UNPROTECTED);
  }

  /** Or else each answer would be taken for that to the next question. */
  @Test
  void aHelperThatAnswersAnotherQuestionIsReplaced() throws EngineException {
    helpers("sealed 4710", "sealed 4711");

    sandboxes.start("c1");

    assertThat(fake.asked("POST", "/containers/create")).hasSize(3);
  }

  @Test
  void aHelperThatSaysMoreThanItIsAskedIsReplaced() throws EngineException {
    helpers("sealed 4710\n".repeat(100_000), "sealed 4711");

    sandboxes.start("c1");

    assertThat(fake.asked("POST", "/containers/create")).hasSize(3);
  }

  /** Its init did not say that it is ready, but why it ended. */
  @Test
  void aContainerThatEndedTellsWhyItself() throws EngineException {
    helpers("gone 4711");
    fake.on(
        "POST",
        "/containers/c1/attach",
        openStream(frame(1, "zcbot-sandbox failed network: no gateway\n")));

    assertThat(failure().getMessage()).contains("no gateway");
    runs(0);
    assertThat(failure().getMessage()).contains("no gateway");
    assertThat(asked).hasSize(1);
  }

  /**
   * Its init saw the host's rules before they were set; another look would only repeat that one.
   */
  @Test
  void aStartThatFailedSaysNothingAboutRulesThatWereSetSinceItBegan() throws EngineException {
    helpers("sealed 4711");
    failsAfter(
        () -> {
          fake.on("POST", "/containers/helper/attach", RULES);
          sandboxes.checkFirewall();
        });

    assertThat(failure().kind()).isEqualTo(Kind.UNPROTECTED);
    sandboxes.prepare();

    assertThat(fake.asked("POST", "/containers/create")).as("rules, seal, rules").hasSize(3);
  }

  @Test
  void aStartThatFailedHasTheRulesLookedAtOtherwise() throws EngineException {
    helpers("sealed 4711");
    failsAfter(() -> fake.on("POST", "/containers/helper/attach", RULES));

    assertThat(failure().kind()).isEqualTo(Kind.UNPROTECTED);
    assertThat(fake.asked("POST", "/containers/create")).as("rules, seal").hasSize(2);
    sandboxes.prepare();

    assertThat(fake.asked("POST", "/containers/create")).as("rules, seal, rules").hasSize(3);
  }

  /** The init of c1 reports, some time after the seal, that the host's rules are not in force. */
  private void failsAfter(Runnable meanwhile) {
    fake.on(
        "POST",
        "/containers/c1/attach",
        (socket, out) -> {
          stream().send(socket, out);
          out.flush();
          await("the seal").atMost(Duration.ofSeconds(60)).until(() -> !asked.isEmpty());
          meanwhile.run();
          out.write(frame(1, "zcbot-sandbox failed host-rules: x\n"));
          out.flush();
        });
  }
}
