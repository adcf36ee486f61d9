/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sends server-sent events to one page: once a second, what is new to it. A stream ends after a
 * while, and the page reconnects for the rest. So no connection outlives the server's deadline for
 * answers, which ends the connection of a page that does not read. Confined to one thread.
 */
final class EventStream {
  private static final Duration TICK = Duration.ofSeconds(1);

  /** Seconds that a stream lasts; less than {@code sun.net.httpserver.maxRspTime}. */
  private static final int TICKS = 20;

  private static final int MAX_ID = 64;

  private final Fleet fleet;
  private final CountDownLatch stop;
  private final OutputStream out;
  private long sandboxes;
  private long gone;
  private long commands;
  private long failures;
  private long letters;

  EventStream(Fleet fleet, CountDownLatch stop, OutputStream out) {
    this.fleet = fleet;
    this.stop = stop;
    this.out = out;
  }

  /**
   * Sends until the page is gone, the time is over or the server stops. Blocks.
   *
   * @param lastId names what the page has; null for a new page
   */
  void run(@Nullable String lastId) throws IOException, InterruptedException {
    resume(lastId);
    text("retry: 300\n\n");
    for (int tick = 0; tick < TICKS && stop.getCount() > 0; tick++) {
      send("overview", fleet.overview());
      Part part;
      do {
        part = fleet.sandboxes(sandboxes, gone);
        gone = part.latest();
        if (!part.isWhole() || part.version() != sandboxes) {
          sandboxes = part.version();
          send("sandboxes", part.json());
        }
      } while (!part.isWhole());
      commands = send("commands", fleet.commands(commands), commands);
      failures = send("failures", fleet.failures(failures), failures);
      letters = send("letters", fleet.letters(letters), letters);
      out.flush();
      boolean _ = stop.await(TICK.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private void resume(@Nullable String lastId) {
    if (lastId == null || lastId.length() > MAX_ID) {
      return;
    }
    String[] parts = lastId.split("-", -1);
    if (parts.length == 5 && parts[0].equals(fleet.run())) {
      try {
        sandboxes = Long.parseLong(parts[1]);
        commands = Long.parseLong(parts[2]);
        failures = Long.parseLong(parts[3]);
        letters = Long.parseLong(parts[4]);
      } catch (NumberFormatException _) {
        // Not an id of this server: send everything.
        sandboxes = 0;
      }
      gone = sandboxes;
    }
  }

  private long send(String event, @Nullable Part part, long seen) throws IOException {
    if (part == null) {
      return seen;
    }
    send(event, part.json());
    return part.version();
  }

  /** Sends one event. The JSON has no line breaks, so one data line holds it. */
  private void send(String event, String json) throws IOException {
    text(
        "event: "
            + event
            + "\nid: "
            + String.join(
                "-",
                fleet.run(),
                Long.toString(sandboxes),
                Long.toString(commands),
                Long.toString(failures),
                Long.toString(letters))
            + "\ndata: ");
    text(json);
    text("\n\n");
  }

  private void text(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
  }
}
