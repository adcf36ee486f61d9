/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.standalone.Training;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The memory of the console's process with its packaged options. */
@Order(0)
@InFullRuns("FleetTest bounds what is kept")
class ConsoleMemoryIT {
  private static final int SANDBOXES = 10_000;
  private static final int EVENTS_PER_SECOND = 100;
  private static final int SECONDS = 30;
  private static final long MOST_KIB = 100_000_000 / 1024;
  private static final Path WORKER = Path.of("..", "worker");
  private static final Duration DEADLINE = Duration.ofSeconds(120);
  private static final Pattern ADDRESS = Pattern.compile("http://127\\.0\\.0\\.1:[0-9]+");
  private static final JsonMapper JSON = new JsonMapper();

  /** The beginning of the line with the fleet's numbers. */
  private static final String OVERVIEW = "data: {\"now\":";

  @TempDir private Path directory;
  private Path said;
  private volatile String overview = "";

  @Test
  void tenThousandSandboxesAndAHundredEventsPerSecondFitInto100Megabytes() throws Exception {
    said = directory.resolve("said");
    try (PlayedFleet fleet = new PlayedFleet(directory.resolve("broker"))) {
      fillUp(fleet);
      long began = System.nanoTime();
      Process console = start(fleet);
      try (HttpClient http = HttpClient.newHttpClient()) {
        String address = address(console);
        Thread page = Thread.ofVirtual().start(() -> readAlong(http, address, console));
        await().atMost(DEADLINE).until(() -> last("sandboxes") == SANDBOXES);
        Duration read = Duration.ofNanos(System.nanoTime() - began);
        goOn(fleet);
        await().atMost(DEADLINE).until(() -> last("records") >= fleet.published());
        assertThat(console.isAlive()).describedAs("%s", Files.readString(said)).isTrue();
        assertThat(page.isAlive()).isTrue();
        System.out.printf(
            "the console's process: %s; all was read after %s, processor time %s%n",
            memory(console), read, console.info().totalCpuDuration().orElseThrow());
        assertThat(kib(console, "VmHWM")).describedAs(memory(console)).isLessThan(MOST_KIB);
        fleet.headerBombs();
        fleet.flush();
        await()
            .atMost(DEADLINE)
            .until(() -> !console.isAlive() || last("records") >= fleet.published());
        assertThat(console.isAlive()).describedAs("%s", Files.readString(said)).isTrue();
        System.out.printf("behind records of very many headers: %s%n", memory(console));
      } finally {
        console.destroy();
        assertThat(console.waitFor(60, TimeUnit.SECONDS)).isTrue();
      }
    }
  }

  /** Makes each user's story as long as allowed, so that the stored data reaches its bound. */
  private static void fillUp(PlayedFleet fleet) {
    for (int i = 0; i < SANDBOXES; i++) {
      fleet.open(i);
    }
    for (int i = 0; i < SANDBOXES; i++) {
      command(fleet, i, 0);
    }
    fleet.flush();
  }

  private static void command(PlayedFleet fleet, int user, int command) {
    String id = "e" + user + "-" + command;
    fleet.exec(user, id, "python3 -m pytest -q tests/test_" + id + ".py");
    fleet.started(user, id);
    fleet.ended(user, id, command);
  }

  /** Publishes more events. */
  private static void goOn(PlayedFleet fleet) throws InterruptedException {
    int eventsOfACommand = 2;
    long next = 0;
    for (int second = 0; second < SECONDS; second++) {
      for (int i = 0; i < EVENTS_PER_SECOND / 2; i++) {
        fleet.used((int) (next++ % SANDBOXES), "a" + next);
      }
      for (int i = 0; i < EVENTS_PER_SECOND / 2 / eventsOfACommand; i++) {
        command(fleet, (int) (next++ % SANDBOXES), 100 + second);
      }
      fleet.flush();
      Thread.sleep(Duration.ofSeconds(1)); // for the rate of events that the bound is for
    }
  }

  /** Starts the console as it is packaged. */
  private Process start(PlayedFleet fleet) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Stream.of(
                    List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()),
                    List.of(
                        "@" + WORKER.resolve("console.options"),
                        "-cp",
                        classPath(),
                        "io.zcbot.sandbox.worker.cli.Main",
                        "console"))
                .flatMap(List::stream)
                .toList());
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    builder.environment().putAll(fleet.environment());
    return builder.redirectErrorStream(true).redirectOutput(said.toFile()).start();
  }

  /** The class path of the image's start.sh; the whole class path would take 3 MB more. */
  private static String classPath() throws IOException {
    Matcher unneeded =
        Pattern.compile("=~ \\^(\\(.*\\)) ]]")
            .matcher(Files.readString(WORKER.resolve("start.sh")));
    assertThat(unneeded.find()).isTrue();
    Pattern name = Pattern.compile(".*/" + unneeded.group(1) + "[^/]*");
    return Arrays.stream(Training.packagedClassPath(WORKER).split(":"))
        .filter(jar -> !name.matcher(jar).matches())
        .collect(Collectors.joining(":"));
  }

  private String address(Process console) {
    return await()
        .atMost(DEADLINE)
        .until(
            () -> {
              assertThat(console.isAlive()).describedAs("%s", Files.readString(said)).isTrue();
              Matcher found = ADDRESS.matcher(Files.readString(said));
              return found.find() ? found.group() : "";
            },
            found -> !found.isEmpty());
  }

  /** Reads as an open page does: it requests a new stream when one ended or broke off. */
  private void readAlong(HttpClient http, String address, Process console) {
    HttpRequest events =
        HttpRequest.newBuilder(URI.create(address + "/events")).timeout(DEADLINE).build();
    while (console.isAlive()) {
      try (Stream<String> lines = http.send(events, HttpResponse.BodyHandlers.ofLines()).body()) {
        lines.filter(line -> line.startsWith(OVERVIEW)).forEach(line -> overview = line);
      } catch (IOException | UncheckedIOException _) {
        // It broke off.
      } catch (InterruptedException _) {
        return;
      }
      LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
    }
  }

  /** A number in the last data that the page received; -1 if there was none yet. */
  private long last(String name) throws IOException {
    String line = overview;
    return line.isEmpty()
        ? -1
        : JSON.readTree(line.substring("data: ".length())).get(name).asLong();
  }

  private static long kib(Process process, String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
        .filter(line -> line.startsWith(name + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  private static String memory(Process process) throws IOException {
    return String.join(
        ", ",
        Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
            .filter(line -> line.matches("(VmHWM|VmRSS|Rss.*):.*"))
            .map(line -> line.replaceAll("\\s+", " "))
            .toList());
  }
}
