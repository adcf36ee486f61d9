/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * Where the time of a hot ensure goes: from the instants in the answers, the worker's metrics and
 * the broker's. All of them are means, since percentiles of parts don't add up.
 */
final class Breakdown {
  private static final String IN = "client → broker → worker reads it";
  private static final String OWN = "worker: lane, decision, answer";
  private static final String ENGINE = "engine: one look";
  private static final String OUT = "worker → broker → client has it";
  private static final List<String> PARTS = List.of(IN, OWN, ENGINE, OUT);
  private static final List<String> COLOURS = List.of("#7a9cc6", "#1f7a8c", "#d98e3f", "#a9c7b5");

  private static final String ACKNOWLEDGED = "worker: until the log has the answer";
  private static final String PRODUCE = "broker: a produce request";
  private static final String FETCH = "broker: a fetch, without its wait for records";

  private final Rounds rounds = new Rounds();
  private final List<Integer> rates = new ArrayList<>();

  /** Adds a round at a rate: so many ensures of these users, with everything warm. */
  void add(
      int rate,
      double seconds,
      Child broker,
      WorkerProcess worker,
      JavaLoad load,
      List<UserId> users)
      throws Exception {
    if (!rates.contains(rate)) {
      rates.add(rate);
    }
    WorkerProcess.Samples before = worker.metrics();
    RequestTimes requests = RequestTimes.now(broker);
    Histogram all = Latencies.histogram();
    JavaLoad.Halves halves = load.halves(users, rate, seconds, all);
    RequestTimes since = RequestTimes.now(broker);
    WorkerProcess.Samples after = worker.metrics();
    double engine = mean("zcbot_engine_call_seconds", "operation=\"inspect\"", before, after);
    double answered = mean("zcbot_ensure_seconds", "answer=\"reused\"", before, after);
    add(IN, rate, halves.there() - halves.took());
    add(OWN, rate, halves.took() - engine);
    add(ENGINE, rate, engine);
    add(OUT, rate, halves.back());
    add(ACKNOWLEDGED, rate, answered - halves.took());
    add(PRODUCE, rate, since.mean(RequestTimes.PRODUCE, RequestTimes.TOTAL, requests));
    add(
        FETCH,
        rate,
        since.mean(RequestTimes.FETCH, RequestTimes.TOTAL, requests)
            - since.mean(RequestTimes.FETCH, RequestTimes.WAITING, requests));
  }

  private void add(String part, int rate, double millis) {
    rounds.add(part + rate, Math.max(0, millis));
  }

  private static double mean(
      String timer, String label, WorkerProcess.Samples before, WorkerProcess.Samples after) {
    double count = after.sum(timer + "_count", label) - before.sum(timer + "_count", label);
    return 1e3
        * (after.sum(timer + "_sum", label) - before.sum(timer + "_sum", label))
        / Math.max(1, count);
  }

  void report(Report report, String picture) {
    report.line(
        "Where the time of a hot ensure goes, through the Java client; means in milliseconds, from"
            + " the instants in the answers, the worker's metrics and the broker's request metrics.");
    report.line("");
    report.line("![Where the time of a hot ensure goes](" + picture + ")");
    report.line("");
    List<String> head = new ArrayList<>(List.of(""));
    rates.forEach(rate -> head.add(rate + "/s"));
    List<List<String>> rows = new ArrayList<>();
    PARTS.forEach(part -> rows.add(row(part, part)));
    List.of(ACKNOWLEDGED, PRODUCE, FETCH)
        .forEach(part -> rows.add(row("beside these: " + part, part)));
    report.table(head, rows);
  }

  private List<String> row(String title, String part) {
    List<String> row = new ArrayList<>(List.of(title));
    rates.forEach(rate -> row.add(rounds.text(part + rate, "%.2f")));
    return row;
  }

  /** The parts side by side, a bar for each rate. */
  String svg() {
    double most =
        rates.stream()
            .mapToDouble(
                rate -> PARTS.stream().mapToDouble(part -> rounds.median(part + rate)).sum())
            .max()
            .orElse(1);
    int height = 100 + 40 * rates.size() + 24 * PARTS.size();
    StringBuilder svg = new StringBuilder();
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 %d\""
            + " font-family=\"system-ui, sans-serif\" font-size=\"14\">",
        height);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\" rx=\"6\"/>");
    add(
        svg,
        "<text x=\"16\" y=\"28\" font-size=\"16\" font-weight=\"600\" fill=\"#222\">Where the"
            + " time of a hot ensure goes (means)</text>");
    int y = 50;
    for (int rate : rates) {
      add(
          svg,
          "<text x=\"70\" y=\"%d\" text-anchor=\"end\" fill=\"#222\">%d/s</text>",
          y + 18,
          rate);
      double x = 80;
      for (int i = 0; i < PARTS.size(); i++) {
        double millis = rounds.median(PARTS.get(i) + rate);
        double width = 600 * millis / most;
        add(
            svg,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"26\" fill=\"%s\"/>",
            x,
            y,
            width,
            COLOURS.get(i));
        if (width > 36) {
          add(
              svg,
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#222\" font-size=\"12\">%.1f</text>",
              x + width / 2,
              y + 18,
              millis);
        }
        x += width;
      }
      add(svg, "<text x=\"%.1f\" y=\"%d\" fill=\"#222\">ms</text>", x + 6, y + 18);
      y += 40;
    }
    for (int i = 0; i < PARTS.size(); i++) {
      y += 24;
      add(
          svg,
          "<rect x=\"80\" y=\"%d\" width=\"14\" height=\"14\" fill=\"%s\"/>",
          y - 12,
          COLOURS.get(i));
      add(svg, "<text x=\"102\" y=\"%d\" fill=\"#222\">%s</text>", y, PARTS.get(i));
    }
    return svg.append("</svg>\n").toString();
  }

  private static void add(StringBuilder svg, String format, Object... arguments) {
    svg.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }
}
