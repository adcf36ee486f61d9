/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class NamesTest {
  /** Spellings that other readers of UUIDs take for the same, or for somebody else's. */
  private static Stream<String> spellings(UUID uuid) {
    String plain = uuid.toString();
    return Stream.of(
        plain,
        plain.toUpperCase(Locale.ROOT),
        plain.replace("-", ""),
        "{" + plain + "}",
        "urn:uuid:" + plain,
        " " + plain,
        plain + "\n",
        plain + "\0",
        plain.replaceFirst("^0+", ""),
        plain.replaceFirst("-0+", "-"),
        plain.replace('a', '\u0430'),
        plain.substring(1) + plain.charAt(0),
        "../" + plain);
  }

  @Row(39)
  @Test
  void twoInputsNeverShareAName() {
    int users = InFullRuns.THIS_ONE ? 20_000 : 4_000;
    Random random = new Random(39);
    Map<String, String> inputByName = new HashMap<>();
    Set<String> lenient = new HashSet<>();
    int accepted = 0;
    int inputs = 0;
    for (int i = 0; i < users; i++) {
      UUID uuid = new UUID(random.nextLong() >>> random.nextInt(64), random.nextLong());
      for (String input : new HashSet<>(spellings(uuid).toList())) {
        inputs++;
        try {
          String name = Container.nameOf(UserId.parse(input));
          accepted++;
          assertThat(inputByName.putIfAbsent(name, input)).isIn(null, input);
          assertThat(name).matches("zcbot-sandbox-[0-9a-f-]{36}").endsWith(input);
        } catch (IllegalArgumentException _) {
          // refused, as most are
        }
        // What a reader would do that is content with less, as Java's own is.
        try {
          lenient.add(UUID.fromString(input).toString());
        } catch (IllegalArgumentException _) {
          lenient.add(input);
        }
      }
    }
    assertThat(accepted).isBetween(users, 2 * users);
    assertThat(lenient.size())
        .as("the lenient reader takes different inputs for one")
        .isLessThan(inputs);
  }

  @Row(38)
  @Test
  void whatIsNoUserIsRefused() {
    for (String bad :
        List.of(
            "../x", "a/b", ".", "..", "", "\0", "a".repeat(300), "A".repeat(36), "{}", "%2e%2e")) {
      org.assertj.core.api.Assertions.assertThatThrownBy(() -> UserId.parse(bad))
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
