/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static io.zcbot.sandbox.worker.console.PlayedFleet.container;
import static io.zcbot.sandbox.worker.console.PlayedFleet.user;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.JavascriptException;

/** The console over a real broker, in a real browser, with 10,000 sandboxes. */
@Tag("browser")
class ConsoleIT {
  private static final int SANDBOXES = 10_000;
  private static final Duration DEADLINE = Duration.ofSeconds(180);

  @TempDir private static Path data;
  private static PlayedFleet fleet;
  private static FleetConsole console;
  private static Browser browser;

  @BeforeAll
  static void start() throws Exception {
    fleet = new PlayedFleet(data);
    for (int i = 0; i < SANDBOXES; i++) {
      fleet.open(i);
    }
    fleet.flush();
    WorkerConfig config = fleet.config();
    console =
        FleetConsole.start(
            fleet.clients(), config.kafka(), config.ops().console, config.reaper().idleTtl);
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
    if (fleet != null) {
      fleet.close();
    }
  }

  private static void awaitText(String css, String wanted) {
    awaitText(browser, css, wanted);
  }

  private static void awaitText(Browser page, String css, String wanted) {
    await()
        .atMost(DEADLINE)
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(page.text(css)).contains(wanted));
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

    fleet.exec(4711, "e1", "pytest -q");
    fleet.started(4711, "e1");
    awaitText("#user-events", "pytest -q");
    awaitText("#card-commands .value", "1");
    awaitText(".row", "running");

    fleet.ended(4711, "e1", 3);
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
    fleet.close(77);
    fleet.publish(
        new Reaped(
            "gone", user, Instant.now(), container(77), Reaped.Reason.IDLE, null, null, null));
    awaitText("#found", "0 of 9");
    search(user.toString());
    awaitText("#user-events", "idle on host-13");
    awaitText("#user-facts", "no sandbox");
    fleet.open(77);
    awaitText("#card-sandboxes .value", "10 000");
  }

  @Test
  void whatOthersSayIsShownAndNeverExecuted() {
    String hostile = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>";
    UserId user = user(20_000);
    fleet.exec(20_000, "h1", hostile);
    fleet.publish(
        new Failed("f1", user, "n", Instant.now(), Failed.Reason.INTERNAL, hostile, true));
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
   * While a hundred events come each second. One of the fastest frames is judged, since the machine
   * has more to do than this; a page that renders all rows takes several times as long for each.
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
        fleet.used(number * 10 + 1, "a" + next);
      }
      browser.run("document.querySelector('.scroll').scrollTop += 5000");
      assertThat(Instant.now()).isBefore(until.plus(DEADLINE));
    }
    assertThat(browser.number("return document.querySelectorAll('.row').length"))
        .isBetween(10L, 80L);
    assertThat(browser.number("return took.sort((a, b) => a - b)[Math.floor(took.length / 10)]"))
        .describedAs("milliseconds of a frame")
        .isLessThan(50);
    awaitText("#status", "all until");
  }

  @Test
  void whatWasNotReadIsNoReasonToCallASandboxOverdue() throws Exception {
    TestFleet known = new TestFleet();
    known.live(
        new LiveSandbox(
            TestFleet.user(1),
            "id-1",
            "h1",
            "w1",
            TestFleet.ago(3 * 3600),
            Duration.ofHours(2),
            null));
    InetSocketAddress anywhere = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (ConsoleServer server = ConsoleServer.start(anywhere, null, known.fleet);
        Browser page = new Browser()) {
      page.open("http://127.0.0.1:" + server.address().getPort() + "/");
      awaitText(page, ".row", "idle");
      assertThat(page.text(".row")).doesNotContain("due");
      known.pass(Duration.ofMinutes(61));
      known.fleet.following(
          new FollowState(TestFleet.NOW.plus(Duration.ofMinutes(61)).toEpochMilli(), 0, ""));
      awaitText(page, ".row", "overdue");
    }
  }

  @Test
  void placesOfAHostWhoseWorkerIsGoneAreNotFree() throws Exception {
    TestFleet known = new TestFleet();
    known.live(1, 100);
    known.fleet.group(new GroupState(Map.of("w1", 4), 0, ""));
    InetSocketAddress anywhere = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (ConsoleServer server = ConsoleServer.start(anywhere, null, known.fleet);
        Browser page = new Browser()) {
      page.open("http://127.0.0.1:" + server.address().getPort() + "/");
      awaitText(page, "#card-places .value", "63");
      known.fleet.group(new GroupState(Map.of("w2", 4), 0, ""));
      awaitText(page, "#card-lag", "1 gone");
      assertThat(page.text("#card-places .value")).isEqualTo("0");
    }
  }

  /** A use of that sandbox and an answer to that ensure may be in the partition. */
  @Test
  void whileAPartitionIsLeftOutNothingIsSaidToBeLate() throws Exception {
    TestFleet known = new TestFleet();
    known.live(1, 3600);
    known.ensure(2, "n2", 300);
    known.fleet.following(new FollowState(0, 0, "left out until they have a leader: [x-1]"));
    InetSocketAddress anywhere = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (ConsoleServer server = ConsoleServer.start(anywhere, null, known.fleet);
        Browser page = new Browser()) {
      page.open("http://127.0.0.1:" + server.address().getPort() + "/");
      awaitText(page, "#status", "not everything is known");
      awaitText(page, "#card-watermark", "?");
      assertThat(page.text("#card-watermark")).doesNotContain("unanswered");
      awaitText(page, ".row", "due");
      assertThat(page.text(".row")).doesNotContain("overdue");

      known.fleet.following(new FollowState(TestFleet.NOW.toEpochMilli(), 0, ""));
      awaitText(page, "#status", "all until");
      awaitText(page, "#card-watermark", "1 unanswered");
      awaitText(page, "#card-watermark", "5 m");
      awaitText(page, ".row", "overdue");
    }
  }
}
