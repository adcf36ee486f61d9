/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.Places;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.JavascriptException;

/** The console over a real broker, in a real browser, with 10,000 sandboxes. */
@Tag("browser")
class ConsoleIT {
  private static final int PARTITIONS = 4;
  private static final int SANDBOXES = 10_000;
  private static final int HOSTS = 32;
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final EventCodec CODEC = new EventCodec();
  private static final KeyPartitions KEYS = new KeyPartitions(PARTITIONS);
  private static final Instant START = Instant.now().minusSeconds(60);

  @TempDir private static Path data;
  private static EmbeddedBroker broker;
  private static Producer<byte[], byte[]> producer;
  private static FleetConsole console;
  private static Browser browser;

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.start(data, 0);
    Map<String, String> env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
            "ZCBOT_TOPICS_PARTITIONS", Integer.toString(PARTITIONS),
            "ZCBOT_CONSOLE_ADDRESS", "127.0.0.1:0");
    StringWriter said = new StringWriter();
    PrintWriter to = new PrintWriter(said, true);
    int exitCode = Cli.commandLine(new Console(env, to, to, false)).execute("topics", "create");
    assertThat(exitCode).describedAs("%s", said).isZero();
    WorkerConfig config = WorkerConfig.fromEnvironment(env);
    KafkaClients clients = new KafkaClients(config.kafka(), "console-test");
    producer = clients.producer();
    for (int i = 0; i < SANDBOXES; i++) {
      open(i);
    }
    producer.flush();
    console =
        FleetConsole.start(clients, config.kafka(), config.ops().console, config.reaper().idleTtl);
    browser = new Browser();
    browser.open("http://127.0.0.1:" + console.address().getPort() + "/");
    awaitText("#card-sandboxes .value", "10 000");
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
    if (console != null) {
      console.close();
    }
    if (producer != null) {
      producer.close(Duration.ofSeconds(5));
    }
    broker.close();
  }

  private static UserId user(int number) {
    return new UserId(new UUID(0x4000, 0x8000_0000_0000_0000L + number));
  }

  private static ContainerRef container(int number) {
    return new ContainerRef(
        "sandbox-" + number,
        String.format("%08x%056x", number, number),
        "host-" + number % HOSTS,
        "worker-" + number % HOSTS);
  }

  private static void open(int number) {
    ContainerRef container = container(number);
    LiveSandbox live =
        new LiveSandbox(
            user(number), container.id(), container.host(), container.workerId(), START);
    RecordHeaders places = new RecordHeaders();
    Places.add(places, 400);
    table(
        Topic.LIVE,
        user(number),
        CODEC.liveKey(user(number), container.id()),
        CODEC.encodeLive(live),
        places);
    publish(new Ensure("n" + number, user(number), START, "gateway", null));
    publish(
        new Ready(
            "r" + number,
            user(number),
            "n" + number,
            START,
            container,
            Ready.Outcome.CLAIMED,
            new Ready.Environment("e", "image:1", "runc", "/w", Duration.ofHours(1)),
            12));
  }

  private static void table(
      Topic topic, UserId user, byte[] key, byte[] value, RecordHeaders headers) {
    producer.send(
        new ProducerRecord<>(
            topic.named(Topic.DEFAULT_PREFIX), KEYS.of(user), key, value, headers));
  }

  private static void publish(SandboxEvent event) {
    producer.send(
        new ProducerRecord<>(
            event.topic().named(Topic.DEFAULT_PREFIX), CODEC.key(event), CODEC.encode(event)));
  }

  private static void exec(UserId user, String id, String script) {
    publish(
        new Exec(
            id,
            user,
            Instant.now(),
            "agent",
            null,
            new Exec.Program.Shell(script),
            Data.of(new byte[0], 0, 0),
            false,
            Map.of(),
            null,
            null,
            null,
            false,
            null,
            true));
  }

  private static void awaitText(String css, String wanted) {
    await()
        .atMost(DEADLINE)
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(browser.text(css)).contains(wanted));
  }

  private static void choose(String table) {
    browser.pressEscape(); // closes a user's story
    browser.pressEscape(); // ends a search
    browser.press(table);
  }

  private static void search(String text) {
    choose("1");
    browser.press("/" + text);
  }

  @Test
  void aUserIsFoundByKeyboardAndTheirStoryIsToldAsItGoesOn() {
    UserId user = user(4711);
    search(user.toString());
    awaitText("#found", "1 of 10 000");
    awaitText("#user-name", user.toString());
    awaitText("#user-facts", "host-7, worker worker-7");
    awaitText("#user-events", "by gateway");
    awaitText("#user-events", "claimed in 12 ms on host-7");

    exec(user, "e1", "pytest -q");
    CommandEntry running =
        new CommandEntry(user, "e1", KEYS.of(user), 0, container(4711), Instant.now(), false);
    table(
        Topic.COMMANDS,
        user,
        CODEC.commandKey(user, "e1"),
        CODEC.encodeCommand(running),
        new RecordHeaders());
    awaitText("#user-events", "pytest -q");
    awaitText("#card-commands .value", "1");
    awaitText(".row", "running");

    table(Topic.COMMANDS, user, CODEC.commandKey(user, "e1"), null, new RecordHeaders());
    publish(
        new Exited(
            "x1",
            user,
            "e1",
            Instant.now(),
            Exited.Reason.EXITED,
            3,
            null,
            null,
            null,
            0,
            false,
            0,
            container(4711),
            Instant.now(),
            250,
            null,
            null,
            false));
    awaitText("#user-events", "exited 3 after 250 ms");
    awaitText("#card-commands .value", "0");
    browser.pressEscape();
    assertThat(browser.run("return document.getElementById('user').hidden")).isEqualTo(true);
  }

  @Test
  void aSandboxThatIsReapedLeavesThePage() {
    UserId user = user(77);
    search(container(77).id());
    awaitText("#found", "1 of ");
    table(Topic.LIVE, user, CODEC.liveKey(user, container(77).id()), null, new RecordHeaders());
    publish(
        new Reaped(
            "gone", user, Instant.now(), container(77), Reaped.Reason.IDLE, null, null, null));
    awaitText("#found", "0 of 9");
    search(user.toString());
    awaitText("#user-events", "idle on host-13");
    awaitText("#user-facts", "no sandbox");
    open(77);
    awaitText("#card-sandboxes .value", "10 000");
  }

  @Test
  void whatOthersSayIsShownAndNeverExecuted() {
    String hostile = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>";
    UserId user = user(20_000);
    exec(user, "h1", hostile);
    publish(new Failed("f1", user, "n", Instant.now(), Failed.Reason.INTERNAL, hostile, true));
    choose("3");
    awaitText("#view", hostile);
    search(user.toString());
    awaitText("#user-events", hostile);
    assertThat(browser.number("return document.images.length + document.scripts.length"))
        .describedAs("the page's own script alone")
        .isEqualTo(1);
    assertThat(browser.run("return document.title")).isEqualTo("Sandboxes");
    assertThatThrownBy(() -> browser.run("document.body.innerHTML = '<b>x</b>'"))
        .describedAs("text that is taken for markup")
        .isInstanceOf(JavascriptException.class)
        .hasMessageContaining("TrustedHTML");
    assertThat(
            browser.run(
                "const s = document.createElement('div');"
                    + " s.setAttribute('style', 'color: red'); document.body.append(s);"
                    + " return getComputedStyle(s).color === 'rgb(255, 0, 0)'"))
        .describedAs("a style that is not the page's file is in force")
        .isEqualTo(false);
    assertThat(browser.complaints())
        .allSatisfy(
            complaint ->
                assertThat(complaint).containsAnyOf("Content Security Policy", "TrustedHTML"));
  }

  /**
   * While a hundred events come each second. The median is judged, since the machine has more to do
   * than this; a page that renders all rows takes several times as long for each of them.
   */
  @Test
  void thePageRendersOnlyWhatIsSeenAndInShortFrames() {
    search(" ");
    browser.pressEscape();
    browser.run(
        """
        const request = window.requestAnimationFrame.bind(window);
        window.took = [];
        window.requestAnimationFrame = work => request(time => {
          const from = performance.now();
          work(time);
          window.took.push(performance.now() - from);
        });
        """);
    Instant until = Instant.now().plusSeconds(5);
    int next = 0;
    while (Instant.now().isBefore(until) || browser.number("return took.length") < 10) {
      for (int i = 0; i < 20; i++) {
        int number = next++ % 1000;
        publish(new Activity("a" + next, user(number * 10 + 1), Instant.now(), null));
      }
      browser.run("document.querySelector('.scroll').scrollTop += 5000");
      assertThat(Instant.now()).isBefore(until.plus(DEADLINE));
    }
    assertThat(browser.number("return document.querySelectorAll('.row').length"))
        .isBetween(10L, 80L);
    assertThat(browser.number("return took.sort((a, b) => a - b)[Math.floor(took.length / 2)]"))
        .describedAs("milliseconds of a frame")
        .isLessThan(50);
    awaitText("#status", "all until");
  }
}
