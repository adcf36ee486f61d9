/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KindTest {
  private enum Fruit {
    APPLE,
    PEAR
  }

  @Test
  void aRefusalSaysWhatIsAllowed() {
    assertRefused(Kind.text("a word", "\\w+"), "a b", "must be a word");
    assertRefused(Kind.flag(), "maybe", "must be true or false");
    assertRefused(Kind.oneOf(Fruit.values()), "plum", "must be one of apple, pear");
    assertRefused(Kind.count(1, 9), "0", "must be a whole number from 1 to 9");
    assertRefused(Kind.wholeNumber(1, 9), "1.5", "must be a whole number from 1 to 9");
    assertRefused(
        Kind.countOrBrokersDefault(9),
        "0",
        "must be a whole number from 1 to 9, or -1 for the broker's default");
    assertRefused(Kind.decimal("0.5", "2"), "2.1", "must be a number from 0.5 to 2, e.g. 1.5");
    assertRefused(
        Kind.duration("100ms", "1h"),
        "99ms",
        "must be a duration from 100ms to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M");
    assertRefused(Kind.size("1m", "1t"), "1023k", "must be a size from 1m to 1t, e.g. 512m or 2g");
    assertRefused(Kind.orOff(Kind.count(1, 9)), "on", "must be a whole number from 1 to 9, or off");
    assertRefused(
        Kind.path("/var/lib/zcbot/workspaces"),
        "ws",
        "must be an absolute path without . or .. that is not the root, e.g."
            + " /var/lib/zcbot/workspaces");
    assertRefused(Kind.count(1, 9).where(n -> n % 2 == 0, "must be even"), "3", "must be even");
  }

  private static void assertRefused(Kind<?> kind, String text, String problem) {
    assertThatThrownBy(() -> kind.parse(text)).hasMessage(problem);
  }

  @ParameterizedTest
  @CsvSource({
    "300,300000", "0,-1", "90s,90000", "5m,300000", "2h,7200000", "1D,86400000", "1500ms,1500",
    "PT5M,300000", "pt1.5s,1500", "-5,-1", "5 m,-1", "999999999999d,-1", "PT-5S,-1", "1e3,-1"
  })
  void durationsHaveUnits(String text, long millis) throws Exception {
    Kind<Duration> kind = Kind.duration("1s", "30d");
    if (millis < 0) {
      assertThatThrownBy(() -> kind.parse(text)).hasMessageStartingWith("must be a duration");
    } else {
      assertThat(kind.parse(text)).hasMillis(millis);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1073741824,1073741824",
    "1073741824b,1073741824",
    "1048576k,1073741824",
    "1024mb,1073741824",
    "1GiB,1073741824",
    "1t,1099511627776",
    "1.5g,-1",
    "-1g,-1",
    "g,-1",
    "999999999999999t,-1",
    "0x40000000,-1"
  })
  void sizesHaveUnits(String text, long bytes) throws Exception {
    Kind<Long> kind = Kind.size("64m", "1t");
    if (bytes < 0) {
      assertThatThrownBy(() -> kind.parse(text)).hasMessageStartingWith("must be a size");
    } else {
      assertThat(kind.parse(text)).isEqualTo(bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "relative", "/a/../b", "/a/./b", "/..", "/a/.."})
  void anUnsafeDirectoryIsRefused(String path) {
    assertThatThrownBy(() -> Kind.path("/var/lib/zcbot/workspaces").parse(path))
        .hasMessageStartingWith("must be an absolute path");
  }
}
