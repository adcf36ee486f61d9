/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import java.time.Instant;
import java.util.List;
import java.util.Locale;

/** Outcomes as an SVG: running sandboxes over time, and users who found no slot or no room. */
public final class Picture {
  private static final int LEFT = 60;
  private static final int WIDTH = 900;
  private static final int HEIGHT = 90;
  private static final int PANEL = HEIGHT + 50;
  private static final int TOP = 40;
  private static final String STYLE =
      "text{font:12px sans-serif;fill:#222}.n{font-weight:bold}.r{fill:#9ecae1}"
          + ".c{stroke:#e6850e}.f{stroke:#b2182b}line{stroke:#888}";

  private Picture() {}

  /** The whole document. All panels have the same scales. */
  public static String of(List<Outcome> outcomes) {
    StringBuilder svg = new StringBuilder();
    int height = TOP + PANEL * outcomes.size() + 20;
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">",
        LEFT + WIDTH + 20,
        height,
        LEFT + WIDTH + 20);
    add(svg, "<style>%s</style>", STYLE);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>");
    add(
        svg,
        "<text x=\"%d\" y=\"20\">Sandboxes that run (blue); users who waited for a create (orange)"
            + " and who were refused (red)</text>",
        LEFT);
    long begin = outcomes.stream().mapToLong(o -> o.timeline().begin()).min().orElse(0);
    long end =
        outcomes.stream()
            .map(Outcome::timeline)
            .mapToLong(t -> t.begin() + t.size() * t.width())
            .max()
            .orElse(1);
    int most = Math.max(1, outcomes.stream().mapToInt(Outcome::peak).max().orElse(1));
    for (int i = 0; i < outcomes.size(); i++) {
      panel(svg, outcomes.get(i), TOP + PANEL * i + 20, begin, Math.max(end, begin + 1), most);
    }
    add(svg, "<text x=\"%d\" y=\"%d\">%s</text>", LEFT, height - 8, time(begin));
    add(
        svg,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>",
        LEFT + WIDTH,
        height - 8,
        time(end));
    add(svg, "</svg>");
    return svg.toString();
  }

  private static void panel(
      StringBuilder svg, Outcome outcome, int top, long begin, long end, int most) {
    Timeline timeline = outcome.timeline();
    int bottom = top + HEIGHT;
    add(svg, "<text class=\"n\" x=\"%d\" y=\"%d\">%s</text>", LEFT, top - 6, escaped(outcome));
    StringBuilder area = new StringBuilder();
    for (int bin = 0; bin < timeline.size(); bin++) {
      long from = timeline.begin() + bin * timeline.width();
      double y = bottom - (double) HEIGHT * timeline.running(bin) / most;
      add(
          area,
          "%.1f,%.1f %.1f,%.1f",
          x(from, begin, end),
          y,
          x(from + timeline.width(), begin, end),
          y);
    }
    add(
        svg,
        "<polygon class=\"r\" points=\"%.1f,%d %s %.1f,%d\"/>",
        x(timeline.begin(), begin, end),
        bottom,
        area.toString().strip().replace('\n', ' '),
        x(timeline.begin() + timeline.size() * timeline.width(), begin, end),
        bottom);
    for (int bin = 0; bin < timeline.size(); bin++) {
      double at = x(timeline.begin() + bin * timeline.width() + timeline.width() / 2, begin, end);
      mark(svg, "c", at, bottom, timeline.creates(bin), most);
      mark(svg, "f", at, bottom, timeline.refusals(bin), most);
    }
    add(svg, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>", LEFT, bottom, LEFT + WIDTH, bottom);
    add(svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>", LEFT - 6, top + 10, most);
    add(svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>", LEFT - 6, bottom);
  }

  private static void mark(
      StringBuilder svg, String kind, double x, int bottom, int users, int most) {
    if (users > 0) {
      add(
          svg,
          "<line class=\"%s\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\"/>",
          kind,
          x,
          bottom,
          x,
          bottom - Math.clamp((double) HEIGHT * users / most, 3, HEIGHT));
    }
  }

  private static double x(long at, long begin, long end) {
    return LEFT + (double) WIDTH * (at - begin) / (end - begin);
  }

  private static String time(long at) {
    return Instant.ofEpochMilli(at / 1000 * 1000).toString();
  }

  private static String escaped(Outcome outcome) {
    String text =
        String.format(
            Locale.ROOT,
            "%s: %d claimed, %d created, %d refused",
            outcome.name(),
            outcome.claims(),
            outcome.creates(),
            outcome.refusals());
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  @SuppressWarnings("AnnotateFormatMethod") // there is nothing to annotate it with
  private static void add(StringBuilder to, String format, Object... values) {
    to.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
