/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the compose files publish and pass on, as they are written. */
class ComposeTest {
  /** The entries of all lists that are called {@code ports}. */
  private static List<String> ports(List<String> lines) {
    List<String> ports = new ArrayList<>();
    int list = -1;
    for (String line : lines) {
      int indent = line.length() - line.stripLeading().length();
      String text = line.strip();
      if (text.startsWith("ports:")) {
        list = indent;
        if (!text.equals("ports:")) {
          ports.add(text);
        }
      } else if (list >= 0 && indent > list && text.startsWith("-")) {
        ports.add(text.substring(1).strip());
      } else if (!text.isEmpty() && indent <= list) {
        list = -1;
      }
    }
    return ports;
  }

  @Row(63)
  @Test
  void publishedPortsAreOnTheLoopbackAddress() throws IOException {
    List<String> all = new ArrayList<>();
    for (String file : List.of("compose.yaml", "compose.warm.yaml", "compose.sasl.yaml")) {
      List<String> lines = Files.readAllLines(Path.of("../..", file));
      all.addAll(ports(lines));
      assertThat(lines).as(file).noneMatch(line -> line.contains("network_mode: host"));
    }
    assertThat(all).hasSize(5).allMatch(port -> port.startsWith("127.0.0.1:"));
    assertThat(ports(List.of("  a:", "    ports:", "      - 9092:9092", "    networks: [kafka]")))
        .as("one that were not")
        .containsExactly("9092:9092");
  }

  /** SecureCompositionIT shows what each service gets; this needs no Compose. */
  @Row(74)
  @Test
  void theEnvFileIsPassedToTheWorkerOnly() throws IOException {
    String service = "";
    List<String> given = new ArrayList<>();
    for (String file : List.of("compose.yaml", "compose.warm.yaml", "compose.sasl.yaml")) {
      for (String line : Files.readAllLines(Path.of("../..", file))) {
        if (line.matches("  [a-z-]+:")) {
          service = line.strip();
        } else if (line.strip().startsWith("env_file")) {
          given.add(service);
        }
      }
    }
    assertThat(given).containsExactly("worker:");
  }
}
