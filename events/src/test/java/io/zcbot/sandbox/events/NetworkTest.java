/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What requests say of the network. EventSchemasTest compares more of it with the schema. */
class NetworkTest extends CodecCase {
  private static String json(String network) {
    return "{\"user_id\":\"%s\",\"network\":%s}".formatted(USER, network.replace('\'', '"'));
  }

  private Network network(String json) throws EventFormatException {
    return codec.decodeEnsure(bytes(USER), bytes(json(json)), ORIGIN).network();
  }

  @Test
  void allNothingAndSilenceDiffer() throws EventFormatException {
    assertThat(network("null")).isNull();
    assertThat(network("{}")).isEqualTo(Network.WHOLE);
    assertThat(network("{'dns':['1.1.1.1']}")).as("of a later version").isEqualTo(Network.WHOLE);
    assertThat(network("{'allow':[]}")).isEqualTo(new Network(List.of()));
    assertThat(network("{'allow':['b.example','a.example']}"))
        .isEqualTo(new Network(List.of("b.example", "a.example")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          'a.example' | network: is a string; send {"allow": ["github.com"]}
          {'allow':'a.example'} | network.allow: is a string; make it an array of strings
          {'allow':[1]} | network.allow: element 0 is a number; make it a string
          {'allow':['A.example']} | network.allow: has 'A.example'; an entry is a name or an address of at most 253 characters in lower case, such as github.com:443, *.pypi.org or 10.0.0.5:5432
          """)
  void aRefusalNamesTheFieldAndTheFix(String json, String problem) {
    assertThat(refusal(json(json))).isEqualTo(problem);
  }
}
