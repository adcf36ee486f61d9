/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpellingTest {
  @Test
  void countsEdits() {
    assertThat(Spelling.edits("", "")).isZero();
    assertThat(Spelling.edits("abc", "abc")).isZero();
    assertThat(Spelling.edits("abc", "")).isEqualTo(3);
    assertThat(Spelling.edits("abc", "axc")).isEqualTo(1);
    assertThat(Spelling.edits("abc", "acb")).as("two swapped").isEqualTo(1);
    assertThat(Spelling.edits("kitten", "sitting")).isEqualTo(3);
  }

  @Test
  void findsTheNearestWithinTheBound() {
    assertThat(Spelling.nearest("groop", List.of("group", "topic"), 2)).isEqualTo("group");
    assertThat(Spelling.nearest("something", List.of("group", "topic"), 2)).isNull();
  }
}
