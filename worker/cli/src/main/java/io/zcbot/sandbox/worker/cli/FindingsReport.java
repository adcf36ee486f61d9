/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Help.Ansi;

/** Prints findings of checks, for people or as JSON. */
final class FindingsReport {
  /** Columns for the detail: what 80 columns leave beside the level and the check. */
  private static final int SHORT = 57;

  private final CommandContext context;
  private final Console console;
  private final String purpose;

  /**
   * Creates a report.
   *
   * @param purpose what it is fit for if no check fails, such as {@code serve}
   */
  FindingsReport(CommandContext context, String purpose) {
    this.context = context;
    this.console = context.console();
    this.purpose = purpose;
  }

  /** Prints findings. Returns whether none is a failure. */
  boolean print(List<Finding> findings, boolean json) {
    boolean isFit = findings.stream().noneMatch(f -> f.level() == Level.FAIL);
    if (json) {
      printJson(findings, isFit);
    } else {
      print(findings);
    }
    return isFit;
  }

  /** Prints the most important findings first and the summary last, where a terminal shows it. */
  private void print(List<Finding> findings) {
    Map<Level, List<Finding>> byLevel =
        findings.stream()
            .collect(
                Collectors.groupingBy(
                    Finding::level, () -> new EnumMap<>(Level.class), Collectors.toList()));
    List<String> tally = new ArrayList<>();
    for (Level level : List.of(Level.FAIL, Level.WARN, Level.OK)) {
      List<Finding> those = new ArrayList<>(byLevel.getOrDefault(level, List.of()));
      those.sort(Comparator.comparing(finding -> !finding.isAboutIsolation()));
      those.forEach(this::print);
      tally.add(those.size() + " " + level);
    }
    console.out().println();
    List<String> first =
        byLevel.getOrDefault(Level.WARN, List.of()).stream()
            .filter(Finding::isAboutIsolation)
            .map(Finding::check)
            .distinct()
            .toList();
    if (!first.isEmpty()) {
      console
          .out()
          .println(
              "Fix first, since they weaken what keeps sandboxes in: "
                  + String.join(", ", first)
                  + ".");
    }
    if (!context.isVerbose() && !byLevel.getOrDefault(Level.WARN, List.of()).isEmpty()) {
      console.out().println("'--verbose' prints all details, and how to fix each WARN.");
    }
    console
        .out()
        .println(
            String.join(", ", tally)
                + (byLevel.containsKey(Level.FAIL) ? ": not fit to " : ": fit to ")
                + purpose);
  }

  private void print(Finding finding) {
    String mark =
        switch (finding.level()) {
          case OK -> "@|green OK  |@";
          case WARN -> "@|yellow WARN|@";
          case FAIL -> "@|bold,red FAIL|@";
        };
    Ansi ansi = console.hasColour() ? Ansi.ON : Ansi.OFF;
    console
        .out()
        .printf(Locale.ROOT, "%s  %-16s %s%n", ansi.string(mark), finding.check(), shown(finding));
    if (!finding.fix().isEmpty() && isWhole(finding)) {
      console.out().printf(Locale.ROOT, "%22s → %s%n", "", EventText.plain(finding.fix()));
    }
  }

  private boolean isWhole(Finding finding) {
    return context.isVerbose() || finding.level() == Level.FAIL;
  }

  /** Who reads a file or a pipe can't make the window wider. */
  private String shown(Finding finding) {
    String detail = EventText.plain(finding.detail());
    return isWhole(finding) || !console.isTerminal() ? detail : ProgramText.cut(detail, SHORT);
  }

  private void printJson(List<Finding> findings, boolean isFit) {
    ObjectNode report = JsonNodeFactory.instance.objectNode();
    report.put("fit", isFit);
    ArrayNode checks = report.putArray("checks");
    for (Finding finding : findings) {
      ObjectNode check = checks.addObject();
      check.put("check", finding.check());
      check.put("level", finding.level().name());
      check.put("detail", finding.detail());
      if (!finding.fix().isEmpty()) {
        check.put("fix", finding.fix());
      }
    }
    console.out().println(JsonText.plain(report.toString()));
  }
}
