/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs {@code gateway/sdk/checks.mjs} with several SDKs, and makes a table of what it found. */
final class SdkChecks {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path directory;
  private final List<String> arguments;
  private final List<String> columns = new ArrayList<>();
  private final Map<Row, Map<String, String>> found = new LinkedHashMap<>();
  private final Map<Row, String> reasons = new LinkedHashMap<>();
  private final List<JsonNode> failed = new ArrayList<>();

  private record Row(String call, String option) {}

  /**
   * @param arguments of the script, behind the package
   */
  SdkChecks(Path directory, List<String> arguments) {
    this.directory = directory;
    this.arguments = arguments;
  }

  /** Runs all checks with one SDK. */
  void run(String sdk, boolean speaksProtobuf) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("node"));
    if (speaksProtobuf) {
      command.addAll(List.of("--import", "./protobuf.mjs"));
    }
    command.addAll(List.of("checks.mjs", sdk));
    command.addAll(arguments);
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader lines = process.inputReader()) {
      String column = null;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        JsonNode check = JSON.readTree(line);
        if (column == null) {
          column = check.path("version").asText() + (speaksProtobuf ? ", Protobuf" : "");
          columns.add(column);
        }
        add(column, check);
      }
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as("%s failed", failed).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  private void add(String column, JsonNode check) {
    Row row = new Row(check.path("call").asText(), check.path("option").asText());
    String result = check.path("result").asText();
    if (result.equals("failed")) {
      failed.add(check);
    }
    String known = found.computeIfAbsent(row, r -> new LinkedHashMap<>()).put(column, result);
    assertThat(known).as("two checks are named %s", row).isNull();
    if (check.hasNonNull("why")) {
      reasons.put(row, check.path("why").asText());
    }
  }

  List<JsonNode> failed() {
    return failed;
  }

  int rows() {
    return found.size();
  }

  String table() {
    StringBuilder table = new StringBuilder("| call | option |");
    columns.forEach(column -> table.append(' ').append(column).append(" |"));
    table.append(" why |\n|---|---|").append("---|".repeat(columns.size())).append("---|\n");
    found.forEach(
        (row, results) -> {
          table.append("| `").append(row.call()).append("` | ").append(row.option()).append(" |");
          for (String column : columns) {
            String result = results.getOrDefault(column, "absent");
            table.append(' ').append(result.equals("absent") ? "–" : result).append(" |");
          }
          table.append(' ').append(reasons.getOrDefault(row, "")).append(" |\n");
        });
    return table.toString().replace("  |", " |");
  }
}
