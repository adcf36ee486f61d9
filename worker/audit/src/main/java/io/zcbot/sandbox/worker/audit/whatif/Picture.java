/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Outcomes as an SVG: running sandboxes over time, and below the line the users who found no slot
 * or no room. All panels have the same scales.
 */
public final class Picture {
  private static final int LEFT = 60;
  private static final int WIDTH = 900;
  private static final int RIGHT = LEFT + WIDTH;
  private static final int HEIGHT = 80;
  private static final int WAITED = 30;
  private static final int PANEL = HEIGHT + WAITED + 40;
  private static final int TOP = 60;
  private static final int MOST_TICKS = 10;

  /** Thinner bars can't be told from one another. */
  private static final double LEAST_BAR = 2;

  private static final String STYLE =
      "text{font:12px sans-serif;fill:#222}.n{font-weight:bold}.e{text-anchor:end}"
          + ".m{text-anchor:middle}.r{fill:#9ecae1}.c{fill:#e6850e}.f{fill:#b2182b}"
          + "line{stroke:#888}.g{stroke:#ddd}";

  private static final List<Duration> STEPS =
      Stream.concat(
              IntStream.of(1, 5, 15, 60, 300, 900, 3600, 7200, 14_400, 43_200)
                  .mapToObj(Duration::ofSeconds),
              IntStream.of(1, 2, 7, 28, 91, 364).mapToObj(Duration::ofDays))
          .toList();

  private final List<Outcome> outcomes;
  private final long begin;
  private final long end;
  private final int mostRunning;
  private final int mostWaited;
  private final StringBuilder svg = new StringBuilder();

  private Picture(List<Outcome> outcomes) {
    this.outcomes = outcomes;
    this.begin = outcomes.stream().mapToLong(o -> o.timeline().begin()).min().orElse(0);
    this.end =
        Math.max(
            begin + 1,
            outcomes.stream().map(Outcome::timeline).mapToLong(Picture::end).max().orElse(0));
    this.mostRunning = Math.max(1, outcomes.stream().mapToInt(Outcome::peak).max().orElse(1));
    this.mostWaited =
        Math.max(
            1,
            outcomes.stream().map(Outcome::timeline).mapToInt(Picture::mostWaited).max().orElse(1));
  }

  /** The whole document. */
  public static String of(List<Outcome> outcomes) {
    return new Picture(outcomes).document();
  }

  private String document() {
    int last = TOP + PANEL * outcomes.size();
    add(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">",
        RIGHT + 20, last + 10, RIGHT + 20);
    add("<style>%s</style>", STYLE);
    add("<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>");
    legend("r", LEFT, "sandboxes that run");
    legend("c", LEFT + 150, "users who waited for a create");
    legend("f", LEFT + 360, "users who were refused");
    add("<text class=\"e\" x=\"%d\" y=\"22\">%s to %s</text>", RIGHT, time(begin), time(end));
    ticks(last);
    for (int i = 0; i < outcomes.size(); i++) {
      panel(outcomes.get(i), TOP + PANEL * i);
    }
    add("</svg>");
    return svg.toString();
  }

  private void legend(String kind, int x, String text) {
    add("<rect class=\"%s\" x=\"%d\" y=\"11\" width=\"12\" height=\"12\"/>", kind, x);
    add("<text x=\"%d\" y=\"22\">%s</text>", x + 18, text);
  }

  private void ticks(int last) {
    long step =
        STEPS.stream()
            .mapToLong(Duration::toMillis)
            .filter(each -> (end - begin) / each < MOST_TICKS)
            .findFirst()
            .orElse(end - begin);
    DateTimeFormatter format =
        DateTimeFormatter.ofPattern(
                step < 60_000 ? "HH:mm:ss" : step < 86_400_000 ? "HH:mm" : "MM-dd", Locale.ROOT)
            .withZone(ZoneOffset.UTC);
    for (long at = Math.ceilDiv(begin, step) * step; at <= end; at += step) {
      add(
          "<line class=\"g\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>",
          x(at), TOP - 12, x(at), last - 10);
      add(
          "<text class=\"m\" x=\"%.1f\" y=\"%d\">%s</text>",
          x(at), last + 4, format.format(Instant.ofEpochMilli(at)));
    }
  }

  private void panel(Outcome outcome, int top) {
    Timeline timeline = outcome.timeline();
    int bottom = top + HEIGHT;
    StringBuilder area = new StringBuilder();
    for (int bin = 0; bin < timeline.size(); bin++) {
      double y = bottom - (double) HEIGHT * timeline.running(bin) / mostRunning;
      area.append(
          String.format(
              Locale.ROOT,
              "%.1f,%.1f %.1f,%.1f ",
              x(start(timeline, bin)),
              y,
              x(start(timeline, bin + 1)),
              y));
    }
    add(
        "<polygon class=\"r\" points=\"%.1f,%d %s%.1f,%d\"/>",
        x(timeline.begin()), bottom, area, x(end(timeline)), bottom);
    for (int bin = 0; bin < timeline.size(); bin++) {
      double x = x(start(timeline, bin));
      int refused = timeline.refusals(bin);
      bar("f", x, bottom, timeline, refused);
      bar("c", x, bottom + waited(refused), timeline, timeline.creates(bin));
    }
    add("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>", LEFT, bottom, RIGHT, bottom);
    add("<text class=\"n\" x=\"%d\" y=\"%d\">%s</text>", LEFT, top - 6, title(outcome));
    add("<text class=\"e\" x=\"%d\" y=\"%d\">%d</text>", LEFT - 6, top + 8, mostRunning);
    add("<text class=\"e\" x=\"%d\" y=\"%d\">0</text>", LEFT - 6, bottom + 4);
    add("<text class=\"e\" x=\"%d\" y=\"%d\">%d</text>", LEFT - 6, bottom + WAITED, mostWaited);
  }

  private void bar(String kind, double x, double top, Timeline timeline, int users) {
    if (users > 0) {
      add(
          "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
          kind,
          x,
          top,
          Math.max(LEAST_BAR, x(timeline.begin() + timeline.width()) - x(timeline.begin())),
          waited(users));
    }
  }

  /** One of many is seen as well. */
  private double waited(int users) {
    return users == 0 ? 0 : Math.max(LEAST_BAR, (double) WAITED * users / mostWaited);
  }

  private static int mostWaited(Timeline timeline) {
    return IntStream.range(0, timeline.size())
        .map(bin -> timeline.creates(bin) + timeline.refusals(bin))
        .max()
        .orElse(0);
  }

  private static long start(Timeline timeline, int bin) {
    return timeline.begin() + bin * timeline.width();
  }

  private static long end(Timeline timeline) {
    return start(timeline, timeline.size());
  }

  private double x(long at) {
    return LEFT + (double) WIDTH * (at - begin) / (end - begin);
  }

  private static String time(long at) {
    return Instant.ofEpochMilli(at / 1000 * 1000).toString();
  }

  private static String title(Outcome outcome) {
    String text =
        String.format(
            Locale.ROOT,
            "%s: %d claimed, %d created, %d refused, at most %d at once",
            outcome.name(),
            outcome.claims(),
            outcome.creates(),
            outcome.refusals(),
            outcome.peak());
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  @SuppressWarnings("AnnotateFormatMethod") // there is nothing to annotate it with
  private void add(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
