/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTextTest {
  @Test
  void itIsTheSameJsonWithoutAnythingThatATerminalActsOn() throws Exception {
    String hostile =
        "a\u009b2Jb\u001b[2J\u007f\u202e\u2028"
            + Character.toString(0xe0041)
            + "Grüße 🙂 \\u0041 \\";
    String json = JsonText.plain(new JsonMapper().writeValueAsString(Map.of("m", hostile)));
    assertThat(json)
        .isEqualTo(
            "{\"m\":\"a\\u009b2Jb\\u001B[2J\\u007f\\u202e\\u2028\\udb40\\udc41Grüße 🙂"
                + " \\\\u0041 \\\\\"}");
    assertThat(new JsonMapper().readTree(json).get("m").asText()).isEqualTo(hostile);
  }
}
