/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The failure codes in the image's scripts and its runner are the ones that the worker knows. */
class FailureCodeTest {
  private static final Path IMAGE = Path.of("../..", "sandbox-image");
  private static final Set<String> KNOWN =
      Arrays.stream(FailureCode.values())
          .filter(code -> code != FailureCode.UNKNOWN)
          .map(FailureCode::text)
          .collect(Collectors.toCollection(TreeSet::new));

  private static Set<String> found(String regex, String... scripts) throws IOException {
    Set<String> codes = new TreeSet<>();
    for (String script : scripts) {
      Pattern.compile(regex)
          .matcher(Files.readString(IMAGE.resolve(script)))
          .results()
          .forEach(match -> codes.add(match.group(1)));
    }
    return codes;
  }

  @Test
  void theTableListsThem() throws IOException {
    assertThat(found("(?m)^#   ([a-z-]+) {2,}[a-z]", "firewall.sh")).isEqualTo(KNOWN);
  }

  @Test
  void everyFailureHasOne() throws IOException {
    Set<String> failures = found("\\bfail (\\S+)", "firewall.sh", "host-firewall.sh", "init.sh");
    failures.addAll(found("zcbot-sandbox failed (\\S+?)\"", "runner/main.c"));
    assertThat(failures).isEqualTo(KNOWN);
  }

  @Test
  void anotherIsUnknown() {
    assertThat(FailureCode.of("host-rules")).isEqualTo(FailureCode.HOST_RULES);
    assertThat(FailureCode.of("")).isEqualTo(FailureCode.UNKNOWN);
    assertThat(FailureCode.of("iptables")).isEqualTo(FailureCode.UNKNOWN);
  }
}
