/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static io.zcbot.sandbox.worker.console.PlayedFleet.container;
import static io.zcbot.sandbox.worker.console.PlayedFleet.user;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
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

  /** The browser for the pages of other, smaller fleets. */
  private static Browser page;

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
    page = new Browser();
    browser = new Browser();
    browser.open("http://127.0.0.1:" + console.address().getPort() + "/");
    awaitText("#card-sandboxes .value", "10 000");
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
    if (page != null) {
      page.close();
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

  private static ConsoleServer serve(TestFleet known) throws IOException {
    return ConsoleServer.start(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null, known.fleet);
  }

  private static String address(ConsoleServer server) {
    return "http://127.0.0.1:" + server.address().getPort() + "/";
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
    awaitText("#status", "everything read until");
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
    try (ConsoleServer server = serve(known)) {
      page.open(address(server));
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
    try (ConsoleServer server = serve(known)) {
      page.open(address(server));
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
    try (ConsoleServer server = serve(known)) {
      page.open(address(server));
      awaitText(page, "#status", "not everything is known");
      awaitText(page, "#card-wait", "?");
      assertThat(page.text("#card-wait")).doesNotContain("unanswered");
      awaitText(page, ".row", "due");
      assertThat(page.text(".row")).doesNotContain("overdue");

      known.fleet.following(new FollowState(TestFleet.NOW.toEpochMilli(), 0, ""));
      awaitText(page, "#status", "everything read until");
      awaitText(page, "#card-wait", "1 unanswered");
      awaitText(page, "#card-wait", "5 m");
      awaitText(page, ".row", "overdue");
    }
  }

  /** The widest users, commands, messages and names that there are, in each view. */
  @Test
  void onAPhoneNothingScrollsSideways() throws Exception {
    TestFleet known = new TestFleet();
    String wide = "wide".repeat(30);
    known.live(new LiveSandbox(TestFleet.user(1), wide, wide, wide, TestFleet.ago(3600)));
    known.live(2, 3600);
    known.exec(2, "e2", "x".repeat(80), 60);
    known.running(2, "e2", 59, false);
    String message = "the engine did not answer: " + wide + wide;
    failed(known, 3, message);
    deadLetter(known, wide);
    try (ConsoleServer server = serve(known)) {
      page.becomePhone(390, 844);
      page.open(address(server));
      page.click("#help");
      assertNothingIsCutOff("the help");
      page.click("#keys-close");
      for (String view : List.of("sandboxes", "commands", "failures", "letters", "hosts")) {
        page.click("#tab-" + view);
        awaitText(page, ".row", "");
        assertNothingIsCutOff(view);
        assertThat(page.number("return document.querySelector('.scroll').clientHeight"))
            .describedAs("room for the rows of %s", view)
            .isGreaterThan(400);
      }
      assertThat(
              page.number(
                  "return new Set([...document.querySelectorAll('.card')]"
                      + ".map(card => card.getBoundingClientRect().top)).size"))
          .describedAs("lines of cards")
          .isEqualTo(1);

      page.click("#tab-failures");
      awaitText(page, ".row", message.substring(0, 40));
      assertThat(
              page.number(
                  "return [...document.querySelectorAll('.row > span')]"
                      + ".find(cell => cell.textContent.startsWith('the engine')).clientWidth"))
          .describedAs("the width of the message")
          .isGreaterThan(300);
      page.click(".row");
      awaitText(page, "#notice", message);
      assertThat(
              page.run(
                  "const panel = document.getElementById('user').getBoundingClientRect();"
                      + " return [panel.left, panel.top, panel.width, panel.height].join(' ')"))
          .isEqualTo("0 0 390 844");
      assertNothingIsCutOff("the panel");
      page.back();
      await().untilAsserted(() -> assertThat(isPanelOpen()).isFalse());
      page.becomePhone(844, 390);
      await()
          .untilAsserted(
              () ->
                  assertThat(page.number("return document.querySelector('main').clientHeight"))
                      .describedAs("room for the rows on a phone that is turned")
                      .isGreaterThan(200));
      assertNothingIsCutOff("a phone that is turned");
    } finally {
      page.becomeDesktop();
    }
  }

  /** Only the strip of cards may be wider than the screen, since it scrolls by itself. */
  private static void assertNothingIsCutOff(String view) {
    assertThat(
            page.number(
                "return document.documentElement.scrollWidth"
                    + " - document.documentElement.clientWidth"))
        .describedAs("what is beyond the screen in %s", view)
        .isZero();
    assertThat(
            page.run(
                """
                return [...document.querySelectorAll('body *')]
                  .filter(each => !each.closest('#cards') && each.getClientRects().length)
                  .filter(each => each.getBoundingClientRect().right > innerWidth + 0.5)
                  .map(each => each.id || each.className || each.tagName).join(' ')
                """))
        .describedAs("elements beyond the screen in %s", view)
        .isEqualTo("");
  }

  private static boolean isPanelOpen() {
    return Boolean.FALSE.equals(page.run("return document.getElementById('user').hidden"));
  }

  private static void failed(TestFleet known, int number, String message) {
    Failed.Reason reason = Failed.Reason.ENGINE_UNAVAILABLE;
    known.event(
        new Failed("f" + number, TestFleet.user(number), "n", TestFleet.NOW, reason, message, true),
        TestFleet.NOW);
  }

  private static void deadLetter(TestFleet known, String error) {
    RecordHeaders headers = new RecordHeaders();
    Map.of(
            "zcbot_topic", "sandbox.exec",
            "zcbot_partition", "3",
            "zcbot_offset", "17",
            "zcbot_error_field", "user_id",
            "zcbot_error", error)
        .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
    known.record(Topic.DEAD_LETTER, new byte[] {1}, new byte[] {2}, TestFleet.ago(1), headers);
  }

  private static void ended(
      TestFleet known, int number, String id, Exited.Reason reason, String message) {
    Exec exec = SampleEvents.exec(id, TestFleet.user(number), TestFleet.NOW, null, "-");
    Integer code = reason == Exited.Reason.EXITED ? 0 : null;
    known.event(
        SampleEvents.exited(exec, reason, code, null, 0, null, message, false), TestFleet.NOW);
  }

  @Test
  void aFailureOpensWithItsWholeMessageAndItsCommandAndAResultShowsItsCommand() throws Exception {
    TestFleet known = new TestFleet();
    String message = "the program could not be started: " + "because ".repeat(110) + "of that";
    known.exec(1, "e1", "make deploy", 9);
    ended(known, 1, "e1", Exited.Reason.FAILED, message);
    ended(known, 2, "e2", Exited.Reason.EXITED, null); // read before its exec
    known.exec(2, "e2", "pytest -q", 9);
    ended(known, 2, "e3", Exited.Reason.EXITED, null); // its exec was not read
    deadLetter(known, message);
    try (ConsoleServer server = serve(known)) {
      page.open(address(server) + "#view=failures");
      awaitText(page, ".row", "the program could not be started");
      page.click(".row");
      awaitText(page, "#notice", message);
      awaitText(page, "#notice", "make deploy");
      awaitText(page, "#user-events", "failed: the program could not be started");
      assertThat(page.text("main")).doesNotContain("failed: failed");
      assertThat(page.number("return document.querySelectorAll('#user-events li').length"))
          .describedAs("lines of one command")
          .isEqualTo(1);

      page.click("#tab-letters");
      awaitText(page, ".row", "sandbox.exec-3-17");
      page.click(".row");
      awaitText(page, "#notice", message);
      awaitText(page, "#notice", "sandbox dead-letters show");
      assertThat(page.text("#user")).doesNotContain(TestFleet.user(1).toString());

      page.run("location.hash = '#view=failures&user=" + TestFleet.user(2) + "'");
      awaitText(page, "#user-events", "pytest -q");
      assertThat(page.text("#notice")).isEmpty();
      assertThat(page.text("#user-events")).contains("exited 0").contains("exec was not read");
    }
  }

  @Test
  void equalRefusalsAreOneLineWithTheirCount() throws Exception {
    TestFleet known = new TestFleet();
    for (int i = 0; i < 20; i++) {
      known.exec(1, "e" + i, "true", 9);
      ended(known, 1, "e" + i, Exited.Reason.REJECTED, "8 commands run and 64 wait");
    }
    try (ConsoleServer server = serve(known)) {
      page.open(address(server) + "#view=failures");
      awaitText(page, ".row", "8 commands run");
      assertThat(page.text(".row")).contains("20");
      assertThat(page.number("return document.querySelectorAll('.row:not([hidden])').length"))
          .isEqualTo(1);
      assertThat(page.text("#card-failures .value")).isEqualTo("20");
      page.click(".row");
      awaitText(page, "#notice", "20 times");
      awaitText(page, "#user-events", "rejected: 8 commands run and 64 wait");
      awaitText(page, "#user-events", "20 times");
    }
  }

  @Test
  void theAddressNamesTheViewAndTheUserAndWhatItSaysIsNotBelieved() throws Exception {
    TestFleet known = new TestFleet();
    failed(known, 3, "the engine did not answer");
    try (ConsoleServer server = serve(known)) {
      page.open("about:blank");
      page.complaints(); // those about servers of other tests, which have ended
      page.open(address(server));
      page.press("3");
      awaitText(page, ".row", "the engine did not answer");
      page.press("/engine");
      awaitText(page, "#found", "1 of 1");
      page.click(".row");
      awaitText(page, "#user-name", TestFleet.user(3).toString());
      String address = (String) page.run("return location.href");
      assertThat(address).contains("view=failures", "find=engine", "user=" + TestFleet.user(3));
      page.back();
      await().untilAsserted(() -> assertThat(isPanelOpen()).isFalse());
      awaitText(page, "#tab-failures[aria-selected=true]", "Failures");

      page.open("about:blank");
      page.open(address);
      awaitText(page, "#user-name", TestFleet.user(3).toString());
      awaitText(page, "#tab-failures[aria-selected=true]", "Failures");
      awaitText(page, "#found", "1 of 1");

      for (String hostile :
          List.of("view=__proto__", "view=%3Cimg%20src=x%3E&user=../../x", "%E0%A4%A", "user")) {
        page.open("about:blank");
        page.open(address(server) + "#" + hostile);
        awaitText(page, "#tab-sandboxes[aria-selected=true]", "Sandboxes");
        assertThat(isPanelOpen()).describedAs(hostile).isFalse();
      }
      assertThat(page.complaints()).isEmpty();
    }
  }

  /** Run with -Dreadme.update=true to take the pictures in the documents anew. */
  @Test
  @EnabledIfSystemProperty(named = "readme.update", matches = "true")
  void thePicturesOfTheDocuments() throws Exception {
    Path images = Path.of("..", "docs", "images");
    try (ConsoleServer server = serve(picturedFleet())) {
      page.open(address(server) + "#view=sandboxes&user=" + pictured(7));
      page.run("document.documentElement.classList.remove('light')");
      awaitText(page, "#user-events", "pytest -q");
      page.photograph(images.resolve("console-dark.png"));
      page.click("#user-close");
      page.press("3");
      page.run("document.documentElement.classList.add('light')");
      awaitText(page, ".row", "64 wait");
      page.photograph(images.resolve("console-light.png"));
      page.becomePhone(390, 844);
      page.click(".row");
      awaitText(page, "#user-events", "20 times");
      page.photograph(images.resolve("console-phone.png"));
    } finally {
      page.becomeDesktop();
    }
  }

  private static UserId pictured(int number) {
    return new UserId(UUID.nameUUIDFromBytes(new byte[] {(byte) (number >> 8), (byte) number}));
  }

  private static TestFleet picturedFleet() {
    TestFleet known = new TestFleet();
    for (int i = 0; i < 300; i++) {
      int host = i % 8 + 1;
      ContainerRef container =
          new ContainerRef("s" + i, container(i).id(), "host-" + host, "worker-" + host);
      UserId user = pictured(i);
      Instant opened = TestFleet.ago(590 - 19 * i / 10);
      known.live(new LiveSandbox(user, container.id(), container.host(), "worker-" + host, opened));
      known.event(new Ensure("n" + i, user, opened, "gateway", null), opened);
      Instant ready = opened.plusMillis(12 + i % 50);
      known.event(
          SampleEvents.ready(user, "n" + i, ready, container, Ready.Outcome.CLAIMED, 12), ready);
      Instant used = TestFleet.ago(i * 37 % 280);
      known.event(new Activity("a" + i, user, used, null), used);
    }
    List<String> programs = List.of("pytest -q tests/", "python3 analyse.py", "make -j2", "ls -l");
    for (int i = 0; i < 12; i++) {
      String program = programs.get(i % programs.size());
      Instant at = TestFleet.ago(260 - 20 * i);
      Exec exec = SampleEvents.exec("e" + i, pictured(7), at, "agent-7", program);
      known.event(exec, at);
      if (i == 11) {
        ContainerRef where = new ContainerRef("s7", container(7).id(), "host-8", "worker-8");
        known.running(new CommandEntry(pictured(7), "e" + i, 0, 0, where, at, false));
      } else {
        Instant end = at.plusSeconds(3);
        known.event(SampleEvents.exited(exec, Exited.Reason.EXITED, i % 3, null, 0), end);
      }
    }
    refusedAndFailed(known);
    known.fleet.group(
        new GroupState(
            IntStream.rangeClosed(1, 8).boxed().collect(toMap(i -> "worker-" + i, _ -> 4)), 0, ""));
    return known;
  }

  private static void refusedAndFailed(TestFleet known) {
    for (int i = 0; i < 20; i++) {
      Instant at = TestFleet.ago(90 - i);
      Exec exec = SampleEvents.exec("r" + i, pictured(12), at, "agent-12", "python3 -m worker");
      known.event(exec, at);
      known.event(
          SampleEvents.exited(
              exec,
              Exited.Reason.REJECTED,
              null,
              null,
              0,
              null,
              "8 commands of the user run and 64 wait; send it again when one has ended, or run"
                  + " fewer at the same time",
              true),
          at);
    }
    for (int i = 0; i < 6; i++) {
      Instant at = TestFleet.ago(100 + 30 * i);
      boolean isFull = i % 2 == 0;
      known.event(
          new Failed(
              "f" + i,
              pictured(400 + i),
              "n",
              at,
              isFull ? Failed.Reason.CAPACITY : Failed.Reason.ENGINE_UNAVAILABLE,
              isFull
                  ? "the host is full: 64 of 64 sandboxes run and none is idle; add hosts, or raise"
                      + " ZCBOT_SANDBOX_MAX"
                  : "the engine at unix:///var/run/docker.sock did not answer within 10 s",
              true),
          at);
    }
  }
}
