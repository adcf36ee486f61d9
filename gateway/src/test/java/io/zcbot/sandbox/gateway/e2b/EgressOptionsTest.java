/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.Network;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What options mean; that they are in force is shown by NarrowedTest, and refusals by the SDK. */
class EgressOptionsTest {
  private static Network of(String json) throws Exception {
    JsonNode body = Json.MAPPER.readTree(json.replace('\'', '"'));
    return EgressOptions.of(body, body.path("network"), "network.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{'allow_internet_access':true}",
        "{'network':{}}",
        "{'network':{'allowOut':['a.example'],'denyOut':null}}",
        "{'network':{'denyOut':[],'allowPublicTraffic':true}}"
      })
  void withoutADenialNothingIsRestricted(String json) throws Exception {
    assertThat(of(json)).isNull();
  }

  @Test
  void aDenialLeavesWhatIsAllowed() throws Exception {
    Network nothing = new Network(List.of());
    assertThat(of("{'allow_internet_access':false}")).isEqualTo(nothing);
    assertThat(of("{'network':{'denyOut':['0.0.0.0/0']}}")).isEqualTo(nothing);
    String some = "'network':{'allowOut':['API.example','*.b.example'],'denyOut':['0.0.0.0/0']}}";
    Network left = new Network(List.of("api.example", "*.b.example"));
    assertThat(of("{" + some)).isEqualTo(left);
    assertThat(of("{'allow_internet_access':false," + some)).isEqualTo(left);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          {'network':{'denyOut':['0.0.0.0/0','1.1.1.1']}} | network.denyOut has '1.1.1.1', but this server denies all traffic or none; send '0.0.0.0/0', and in network.allowOut the names that are allowed
          {'network':{'denyOut':'0.0.0.0/0'}} | network.denyOut is not an array
          {'network':{'denyOut':[1]}} | network.denyOut has an element that is no string
          {'allow_internet_access':false,'network':{'allowOut':['a b']}} | network.allowOut is no list of names: allow has 'a b'; an entry is a name or an address of at most 253 characters in lower case, such as github.com:443, *.pypi.org or 10.0.0.5:5432
          """)
  void whatCanNotBeExpressedIsRefused(String json, String message) {
    assertThatThrownBy(() -> of(json))
        .isInstanceOfSatisfying(
            E2bException.class,
            e -> {
              assertThat(e.status()).isEqualTo(400);
              assertThat(e.text()).isEqualTo(message);
            });
  }
}
