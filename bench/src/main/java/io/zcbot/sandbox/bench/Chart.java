/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Latencies as bars on a logarithmic axis, as SVG that reads on light and dark ground. */
final class Chart {
  private static final int LEFT = 300;
  private static final int WIDTH = 560;
  private static final int ROW = 34;
  private static final int TOP = 56;

  private record Bar(String name, double p50, double p99, String colour) {}

  private final String title;
  private final List<Bar> bars = new ArrayList<>();

  Chart(String title) {
    this.title = title;
  }

  /** Adds a bar up to the median, and a mark at the 99th percentile; milliseconds. */
  Chart bar(String name, Latencies latencies, String row, boolean ours) {
    bars.add(
        new Bar(
            name,
            latencies.rounds().median(row + " p50"),
            latencies.rounds().median(row + " p99"),
            ours ? "#1f7a8c" : "#9a9a9a"));
    return this;
  }

  String svg() {
    double least =
        Math.pow(10, Math.floor(Math.log10(bars.stream().mapToDouble(Bar::p50).min().orElse(1))));
    double most =
        Math.pow(10, Math.ceil(Math.log10(bars.stream().mapToDouble(Bar::p99).max().orElse(10))));
    int height = TOP + bars.size() * ROW + 40;
    StringBuilder svg = new StringBuilder();
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"system-ui, sans-serif\" font-size=\"14\">",
        LEFT + WIDTH + 110,
        height);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\" rx=\"6\"/>");
    add(
        svg,
        "<text x=\"16\" y=\"28\" font-size=\"16\" font-weight=\"600\" fill=\"#222\">%s</text>",
        title);
    for (double tick = least; tick <= most * 1.001; tick *= 10) {
      double x = x(tick, least, most);
      add(
          svg,
          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#ddd\"/>",
          x,
          x,
          TOP - 6,
          height - 34);
      add(
          svg,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\" font-size=\"12\">%s ms</text>",
          x,
          height - 18,
          tick < 1 ? Double.toString(tick) : Long.toString(Math.round(tick)));
    }
    for (int i = 0; i < bars.size(); i++) {
      Bar bar = bars.get(i);
      int y = TOP + i * ROW;
      double end = x(bar.p50, least, most);
      double mark = x(bar.p99, least, most);
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#222\">%s</text>",
          LEFT - 10,
          y + 17,
          bar.name);
      add(
          svg,
          "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"20\" fill=\"%s\" rx=\"2\"/>",
          LEFT,
          y + 2,
          end - LEFT,
          bar.colour);
      add(
          svg,
          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#222\" stroke-width=\"2\"/>",
          mark,
          mark,
          y,
          y + 24);
      add(
          svg,
          "<text x=\"%.1f\" y=\"%d\" fill=\"#222\">%s</text>",
          Math.max(end, mark) + 8,
          y + 17,
          String.format(Locale.ROOT, bar.p50 < 10 ? "%.1f ms" : "%.0f ms", bar.p50));
    }
    return svg.append("</svg>\n").toString();
  }

  private static double x(double value, double least, double most) {
    return LEFT + WIDTH * Math.log10(value / least) / Math.log10(most / least);
  }

  private static void add(StringBuilder svg, String format, Object... arguments) {
    svg.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }
}
