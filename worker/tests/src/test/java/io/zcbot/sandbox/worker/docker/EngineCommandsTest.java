/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hijacked;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.concat;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.ended;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.engine;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.hello;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.out;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.started;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.command.Witness;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EngineCommandsTest extends AdapterTestCase {
  private static final String ATTACH = "/containers/c1/attach";
  private static final String CREATE = "/containers/c1/exec";
  private static final String START = "/exec/e1/start";
  private static final String INSPECT = "/containers/c1/json";
  private static final SandboxSpec RULES_ON_HOST =
      new SandboxSpec(
          SPEC.image(), null, SPEC.limits(), "net", EngineFixture.policy(FirewallMode.HOST));
  private static final CommandRequest REQUEST =
      new CommandRequest(List.of("true"), Map.of(), null, Duration.ofMinutes(1), null, 100);

  private final CountDownLatch gone = new CountDownLatch(1);
  private final CountDownLatch silentGone = new CountDownLatch(1);

  /** A runner that runs each command in no time. */
  private Reply runner() {
    return runner(Duration.ZERO);
  }

  /** The same, but it waits before its first answer. */
  private Reply runner(Duration pause) {
    return hijacked(
        (in, out) -> {
          try {
            Thread.sleep(pause); // the slowness that is tested
            answer(in, out, 1);
            for (int command = 1; skipStart(in); command++) {
              out.write(
                  engine(
                      1, concat(started(command), out(command, "hi"), ended(command, 0, 0, 0, 1))));
            }
          } finally {
            gone.countDown();
          }
        });
  }

  private static void answer(InputStream in, OutputStream out, int version) throws IOException {
    byte[] opening = in.readNBytes((16 << 10) + 8 + 8 + 16);
    byte[] nonce = Arrays.copyOfRange(opening, opening.length - 16, opening.length);
    out.write(concat(engine(2, text("never mind")), engine(1, hello(nonce, version))));
  }

  private static boolean skipStart(InputStream in) throws IOException {
    byte[] header = in.readNBytes(8);
    if (header.length == 0) {
      return false;
    }
    in.skipNBytes((header[2] << 8) + header[3]);
    return header[0] == 'G' || skipStart(in);
  }

  /** A first process that sends nothing. */
  private void silent(boolean runs) {
    fake.on(
            "POST",
            ATTACH,
            hijacked(
                (in, out) -> {
                  try {
                    in.readAllBytes();
                  } finally {
                    silentGone.countDown();
                  }
                }))
        .on("GET", INSPECT, status(200, "{\"State\":{\"Running\":" + runs + "}}"));
  }

  private CommandEngine commands() {
    return engine.commands(RULES_ON_HOST, false);
  }

  private static void assertRuns(CommandChannel channel) throws Exception {
    for (int i = 0; i < 2; i++) {
      Witness witness = new Witness();
      channel.start(REQUEST, witness);
      assertThat(witness.awaitEnd()).isEqualTo(new CommandEnd.Exited(0, Duration.ofNanos(1000)));
      assertThat(witness.stdout()).isEqualTo("hi");
      assertThat(witness.wrong).isEmpty();
    }
  }

  @Test
  void theFirstProcessIsTheRunner() throws Exception {
    fake.on("POST", ATTACH, runner());

    CommandChannel channel = commands().open("c1");

    assertThat(fake.asked("POST", ATTACH).getFirst().target())
        .contains("stream=1", "stdin=1", "stdout=1")
        .doesNotContain("logs=1");
    assertRuns(channel);
    assertThat(metrics).contains("channel RUNNER").doesNotContain("fallback");
    channel.close();
    assertThat(gone.await(60, TimeUnit.SECONDS)).as("the connection is closed").isTrue();
    assertThat(fake.asked()).containsExactly("POST " + ATTACH);
  }

  /** It may take 2 s to kill what an earlier command left, on a machine that is not busy. */
  @Test
  void aRunnerThatIsSlowToAnswerIsWaitedFor() throws Exception {
    fake.on("POST", ATTACH, runner(Duration.ofMillis(2_500)))
        .on("GET", INSPECT, status(200, "{\"State\":{\"Running\":true}}"));

    assertRuns(commands().open("c1"));

    assertThat(metrics).contains("channel RUNNER").doesNotContain("fallback");
  }

  @Test
  void whereItIsRootTheEngineStartsARunner() throws Exception {
    exec(runner());

    assertRuns(engine.commands(SPEC, false).open("c1"));
    assertRuns(engine.commands(RULES_ON_HOST, true).open("c1"));

    assertThat(fake.asked("POST", CREATE).getFirst().body())
        .contains(
            "\"User\":\"1000:1000\"",
            "/usr/local/lib/zcbot/zcbot-runner-exec",
            "\"AttachStdin\":true");
    assertThat(fake.asked("POST", START).getFirst().body()).contains("\"Detach\":false");
    assertThat(metrics).contains("channel ENGINE").doesNotContain("fallback");
    assertThat(fake.asked("POST", ATTACH)).isEmpty();
  }

  private void exec(Reply reply) {
    fake.on("GET", "/info", status(200, "{}"))
        .on("GET", "/version", status(200, "{}"))
        .on("POST", CREATE, status(201, "{\"Id\":\"e1\"}"))
        .on("POST", START, reply);
  }

  @Test
  void oneThatDoesNotAnswerIsPassedOver() throws Exception {
    silent(true);
    exec(runner());
    CommandEngine commands = commands();

    assertRuns(commands.open("c1"));
    assertRuns(commands.open("c1"));

    assertThat(metrics).filteredOn("fallback"::equals).hasSize(2);
    assertThat(fake.asked("POST", ATTACH)).as("it is not asked again").hasSize(1);
    assertThat(silentGone.await(200, TimeUnit.MILLISECONDS))
        .as("the engine is left to read what it says later")
        .isFalse();
    engine.close();
    assertThat(silentGone.await(60, TimeUnit.SECONDS)).as("the connection ends").isTrue();
  }

  @Test
  void soIsOneThatSaysNonsense() throws Exception {
    for (Reply nonsense :
        List.of(
            hijacked((in, out) -> answer(in, out, 9)),
            hijacked((in, out) -> out.write(text("Segmentation fault"))),
            hijacked((in, out) -> {}))) {
      fake.on("POST", ATTACH, nonsense);
      exec(runner());

      assertRuns(commands().open("c1"));
    }
  }

  /** What it says is read until it ends, so each attachment would stay. */
  @Test
  void oneThatSaysNonsenseIsNotAskedAgainThoughNoOtherRunnerStarts() {
    fake.on("POST", ATTACH, hijacked((in, out) -> out.write(text("Segmentation fault"))));
    exec(hijacked((in, out) -> {}));
    CommandEngine commands = commands();

    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> commands.open("c1")).isInstanceOf(EngineException.class);
    }

    assertThat(fake.asked("POST", ATTACH)).hasSize(1);
  }

  @Test
  void nonsenseThatComesLaterCountsAtTheNextOpening() throws Exception {
    fake.on(
        "POST",
        ATTACH,
        hijacked(
            (in, out) -> {
              answer(in, out, 1);
              skipStart(in);
              out.write(engine(1, concat(started(1), started(1))));
              in.readAllBytes();
            }));
    exec(runner());
    CommandEngine commands = commands();
    CommandChannel channel = commands.open("c1");
    Witness witness = new Witness();
    channel.start(REQUEST, witness);

    assertThat(witness.awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
    assertThat(channel.isOpen()).isFalse();
    assertRuns(commands.open("c1"));
    assertThat(metrics).contains("channel RUNNER", "fallback", "channel ENGINE");
  }

  @Test
  void whereNoneAnswersThereIsNoChannel() throws Exception {
    silent(true);
    exec(hijacked((in, out) -> out.write(text("OCI runtime exec failed: broken pipe\r\n"))));

    EngineException e = failure(() -> commands().open("c1"));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("does not answer", "exec failed: broken pipe");
    assertThat(silentGone.await(60, TimeUnit.SECONDS)).as("each try attaches anew").isTrue();
  }

  @Test
  void whereTheImageHasNoneItIsSaidHowToGetOne() {
    for (String said :
        List.of(
            "exec: \"/usr/local/lib/zcbot/zcbot-runner\": stat /usr/local/lib/zcbot/zcbot-runner: no such"
                + " file or directory",
            "starting container: executable file not found in $PATH")) {
      byte[] text = text("OCI runtime exec failed: " + said + "\r\n");
      for (byte[] sent : List.of(text, engine(1, text))) {
        exec(hijacked((in, out) -> out.write(sent)));

        EngineException e = failure(() -> engine.commands(SPEC, false).open("c1"));

        assertThat(e.kind()).as("the same would fail again").isEqualTo(Kind.REJECTED);
        assertThat(e.getMessage()).contains("has no runner", "docker build", "sandbox-image");
      }
    }
  }

  /** The engine attaches to it and waits for its start. */
  @Test
  void aContainerThatEndedIsNotTakenForASilentRunner() throws Exception {
    silent(false);

    assertThat(failure(() -> commands().open("c1")).kind()).isEqualTo(Kind.CONFLICT);
    assertThat(silentGone.await(60, TimeUnit.SECONDS)).as("the connection is closed").isTrue();

    fake.on("GET", INSPECT, error(404, "No such container: c1"));
    assertThat(failure(() -> commands().open("c1")).kind()).isEqualTo(Kind.ABSENT);
    assertThat(metrics).doesNotContain("fallback");
  }

  @Test
  void whatTheEngineRefusesIsNoFaultOfTheRunners() {
    fake.on("POST", ATTACH, error(404, "No such container: c1"));
    assertThat(failure(() -> commands().open("c1")).kind()).isEqualTo(Kind.ABSENT);
    fake.on("POST", ATTACH, error(409, "container c1 is paused"));
    assertThat(failure(() -> commands().open("c1")).kind()).isEqualTo(Kind.CONFLICT);
    assertThat(metrics).doesNotContain("fallback");

    exec(runner());
    fake.on("POST", CREATE, error(409, "container c1 is not running"));
    assertThat(failure(() -> engine.commands(SPEC, false).open("c1")).kind())
        .isEqualTo(Kind.CONFLICT);
  }

  @Test
  void anEngineThatGoesAwayBreaksTheChannel() throws Exception {
    fake.on(
        "POST",
        ATTACH,
        hijacked(
            (in, out) -> {
              answer(in, out, 1);
              skipStart(in);
              out.write(engine(1, started(1)));
              in.readAllBytes();
            }));
    CommandChannel channel = commands().open("c1");
    Witness witness = new Witness();
    channel.start(REQUEST, witness);
    witness.awaitStart();

    fake.dropConnections();

    assertThat(witness.awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
    assertThat(channel.isOpen()).isFalse();
  }
}
