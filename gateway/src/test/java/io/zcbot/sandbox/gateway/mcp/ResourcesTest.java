/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** All characters, which no test of a whole gateway has in a file. */
class ResourcesTest {
  @Test
  void noTextGrowsMoreInJsonThanIsCounted() {
    for (int each = 0; each <= Character.MAX_CODE_POINT; each += each < 0x10000 ? 1 : 97) {
      if (each < Character.MIN_SURROGATE || each > Character.MAX_SURROGATE) {
        byte[] text = Character.toString(each).getBytes(UTF_8);
        int written = McpEndpoint.write(new String(text, UTF_8)).length - 2;
        assertThat(text.length + Resources.escapes(text))
            .as("U+%x", each)
            .isGreaterThanOrEqualTo(written);
      }
    }
  }
}
