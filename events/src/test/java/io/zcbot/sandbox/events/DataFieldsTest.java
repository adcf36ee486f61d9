/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Base64;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataFieldsTest {
  private static final String FRAME = "{\"data\":\"\"}";

  @Provide
  Arbitrary<Data> data() {
    return CommandEvents.data();
  }

  private static byte[] written(Data data) {
    FieldWriter out = new FieldWriter();
    DataFields.write(out, "data", data);
    return out.toBytes();
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      textBlock =
          """
          hello,    {"data":"hello"}
          ä🙂,       {"data":"ä🙂"}
          a\\nbcdef,  {"data":"a\\nbcdef"}
          \\n\\n\\n,    {"data_base64":"CgoK"}
          \\0,       {"data_base64":"AA=="}
          """)
  void theShorterFormIsWritten(String text, String json) {
    assertThat(written(Data.of(text.replace("\\n", "\n").replace("\\0", "\0"))))
        .asString()
        .isEqualTo(json);
  }

  /** So that a bound of the bytes is one of the record. */
  @Property
  void neverLongerThanBase64(@ForAll("data") Data data) throws Exception {
    byte[] json = written(data);
    JsonNode node = JsonMapper.builder().build().readTree(json);
    int base64 = Base64.getEncoder().encode(data.toByteArray()).length;
    int frame = node.has("data") ? FRAME.length() : FRAME.length() + "_base64".length();
    assertThat(json.length - frame).isLessThanOrEqualTo(base64);
    byte[] read =
        node.has("data")
            ? Data.of(node.get("data").textValue()).toByteArray()
            : node.get("data_base64").binaryValue();
    assertThat(read).isEqualTo(data.toByteArray());
  }

  /** Text is written in pieces; a character of two chars must survive the seam. */
  @Test
  void longTextSurvives() throws Exception {
    for (int shift = 0; shift < 4; shift++) {
      Data data = Data.of("x".repeat(shift) + "🙂".repeat(50_000));
      JsonNode node = JsonMapper.builder().build().readTree(written(data));
      assertThat(Data.of(node.get("data").textValue())).isEqualTo(data);
    }
  }

  @Test
  void aPartOfAnArrayIsWithinIt() {
    byte[] bytes = {1, 2, 3};
    assertThat(Data.of(bytes, 1, 2)).isEqualTo(Data.of(new byte[] {2, 3}));
    assertThatThrownBy(() -> Data.of(bytes, 2, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Data.of(bytes, 4, 0)).isInstanceOf(IndexOutOfBoundsException.class);
  }
}
