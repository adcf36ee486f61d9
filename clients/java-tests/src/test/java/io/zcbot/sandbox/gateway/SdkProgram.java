/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a program of {@code gateway/sdk}, which prints a line of JSON for each of its checks. */
final class SdkProgram {
  private static final ObjectMapper JSON = new ObjectMapper();

  private SdkProgram() {}

  /** Returns how many checks passed, which are all. */
  static int run(String program, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("node", program));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .directory(GatewayIT.sdkDirectory().toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<JsonNode> failed = new ArrayList<>();
    int passed = 0;
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    for (String line : printed.split("\n")) {
      JsonNode check = JSON.readTree(line);
      if (check.path("result").asText().equals("yes")) {
        passed++;
      } else {
        failed.add(check);
      }
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(failed).isEmpty();
    assertThat(process.exitValue()).isZero();
    return passed;
  }
}
