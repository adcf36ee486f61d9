/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.Setting;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * Adds the settings to the help of each command: {@code run} explains all, and others name those
 * that they read. The help of the program has the exit codes.
 */
final class HelpText {
  private static final String KAFKA = "ZCBOT_KAFKA_";
  private static final String TOPIC_PREFIX = "ZCBOT_TOPIC_PREFIX";
  private static final String MEANINGS =
      "'sandbox help run' has the meaning and the default of each setting.";

  private HelpText() {}

  static void addTo(CommandLine line) {
    line.getCommandSpec()
        .usageMessage()
        .exitCodeListHeading("%nExit codes:%n")
        .exitCodeList(ExitCode.meanings());
    addFooter(line);
    CommandLine exec = line.getSubcommands().get("exec");
    if (exec != null) {
      exec.getCommandSpec()
          .usageMessage()
          .exitCodeListHeading("%nExit codes:%n")
          .exitCodeList(ExitCode.meaningsForCommands());
    }
  }

  private static void addFooter(CommandLine line) {
    line.getHelpSectionMap().put(UsageMessageSpec.SECTION_KEY_FOOTER, HelpText::footer);
    line.getSubcommands().values().forEach(HelpText::addFooter);
  }

  /**
   * Returns the footer. Called only when a help is printed, because collecting the settings takes
   * time.
   */
  private static String footer(Help help) {
    if (help.commandSpec().parent() == null) {
      return """

          'sandbox help COMMAND' prints the help of a command.
          Settings come from the environment: 'sandbox help run' lists them all.
          """;
    }
    int width = help.commandSpec().usageMessage().width();
    String command = help.commandSpec().qualifiedName();
    return switch (command) {
      case "sandbox run" -> wrapped(Setting.help(), width);
      case "sandbox standalone", "sandbox doctor" ->
          wrapped("\nEnvironment:\n  All settings of a worker, ZCBOT_*. " + MEANINGS + "\n", width);
      default -> {
        List<String> keys = keysOf(command);
        yield keys.isEmpty()
            ? ""
            : wrapped(
                "\nEnvironment:\n  "
                    + String.join(", ", Setting.keys(keys))
                    + "\n  "
                    + MEANINGS
                    + "\n",
                width);
      }
    };
  }

  /** Returns the settings that a command reads, as {@link Setting#keys} wants them. */
  private static List<String> keysOf(String command) {
    return switch (command) {
      case "sandbox ps" ->
          List.of(
              KAFKA,
              TOPIC_PREFIX,
              "ZCBOT_ENGINE_TIMEOUT",
              "ZCBOT_SANDBOX_IDLE_TTL",
              "ZCBOT_SANDBOX_IDLE_TTL_MAX",
              "ZCBOT_SANDBOX_IMAGE",
              "ZCBOT_SANDBOX_RUNTIME",
              "ZCBOT_SANDBOX_MEMORY",
              "ZCBOT_SANDBOX_CPUS",
              "ZCBOT_SANDBOX_PIDS",
              "ZCBOT_SANDBOX_TMP_SIZE",
              "ZCBOT_SANDBOX_IO_WEIGHT",
              "ZCBOT_SANDBOX_CGROUP_PARENT",
              "ZCBOT_SANDBOX_NETWORK",
              "ZCBOT_SANDBOX_FIREWALL",
              "ZCBOT_SANDBOX_EGRESS",
              "ZCBOT_SANDBOX_DNS",
              "ZCBOT_SANDBOX_FLOWS",
              "ZCBOT_SANDBOX_FLOW_RATE",
              "ZCBOT_SANDBOX_BANDWIDTH",
              "ZCBOT_SANDBOX_SMTP",
              "ZCBOT_PG_IPS",
              "ZCBOT_PROFILES");
      case "sandbox profiles" -> List.of(KAFKA, TOPIC_PREFIX, "ZCBOT_PROFILES", "ZCBOT_SANDBOX_");
      case "sandbox get" -> List.of(KAFKA, TOPIC_PREFIX, "ZCBOT_SANDBOX_IDLE_TTL");
      case "sandbox topics check" ->
          List.of(KAFKA, TOPIC_PREFIX, "ZCBOT_SANDBOX_IDLE_TTL", "ZCBOT_SANDBOX_IDLE_TTL_MAX");
      case "sandbox gateway" ->
          List.of(
              KAFKA,
              TOPIC_PREFIX,
              "ZCBOT_GATEWAY_",
              "ZCBOT_COMMAND_MAX_TIMEOUT",
              "ZCBOT_SANDBOX_CPUS",
              "ZCBOT_SANDBOX_MEMORY",
              "ZCBOT_PROFILES");
      case "sandbox console" ->
          List.of(KAFKA, TOPIC_PREFIX, "ZCBOT_GROUP", "ZCBOT_SANDBOX_IDLE_TTL", "ZCBOT_CONSOLE_");
      case "sandbox purge" ->
          List.of(
              KAFKA,
              TOPIC_PREFIX,
              "ZCBOT_GROUP",
              "ZCBOT_WORKER_ID",
              "ZCBOT_HOST",
              "ZCBOT_ENGINE_TIMEOUT",
              "ZCBOT_WORKSPACE_ROOT",
              "ZCBOT_OPS_ADDRESS");
      case "sandbox audit" ->
          List.of(
              KAFKA,
              TOPIC_PREFIX,
              "ZCBOT_SANDBOX_IDLE_TTL",
              "ZCBOT_SANDBOX_BUSY_CPU",
              "ZCBOT_SANDBOX_WARM",
              "ZCBOT_SANDBOX_MAX",
              "ZCBOT_SANDBOX_EVICT_AFTER",
              "ZCBOT_REAPER_INTERVAL",
              "ZCBOT_ENSURE_EXPIRY",
              "ZCBOT_COMMAND_MAX_TIMEOUT",
              "ZCBOT_RESTART");
      case "sandbox usage" -> List.of(KAFKA, TOPIC_PREFIX, "ZCBOT_ENSURE_EXPIRY", "ZCBOT_RESTART");
      case "sandbox topics create" ->
          List.of(
              KAFKA,
              TOPIC_PREFIX,
              "ZCBOT_TOPICS_",
              "ZCBOT_SANDBOX_IDLE_TTL",
              "ZCBOT_SANDBOX_IDLE_TTL_MAX");
      case "sandbox image check" -> List.of("DOCKER_HOST");
      case "sandbox topics acls" ->
          List.of("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", TOPIC_PREFIX, "ZCBOT_GROUP");
      case "sandbox topics",
          "sandbox dead-letters",
          "sandbox completion",
          "sandbox help",
          "sandbox image" ->
          List.of();
      default -> List.of(KAFKA, TOPIC_PREFIX);
    };
  }

  /** Breaks long lines between words; continuation lines keep the indentation. */
  static String wrapped(String text, int width) {
    StringBuilder out = new StringBuilder();
    text.lines().forEach(line -> wrap(line, width, out));
    return out.toString();
  }

  private static void wrap(String line, int width, StringBuilder out) {
    String indent = " ".repeat(line.length() - line.stripLeading().length());
    String rest = line.strip();
    while (indent.length() + rest.length() > width) {
      int end = rest.lastIndexOf(' ', width - indent.length());
      if (end <= 0) {
        break; // a word that is longer than a line
      }
      out.append(indent).append(rest, 0, end).append('\n');
      rest = rest.substring(end).stripLeading();
    }
    out.append(rest.isEmpty() ? "" : indent).append(rest).append('\n');
  }
}
