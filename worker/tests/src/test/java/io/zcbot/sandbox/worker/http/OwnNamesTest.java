/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnNamesTest {
  private final OwnNames names =
      OwnNames.forPeople(
          new InetSocketAddress(InetAddress.ofLiteral("2001:db8::1"), 8090),
          URI.create("http://[2001:DB8:0::2]:8090"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[2001:db8::1]:8090",
        "[2001:DB8:0:0:0:0:0:1]",
        "[2001:db8::2]",
        "[::1]:8090",
        "[0:0:0:0:0:0:0:1]"
      })
  void anAddressIsOneHoweverItIsWritten(String host) {
    assertThat(names.include(List.of(host))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[2001:db8::3]",
        "[::2]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[127.0.0.1]",
        "[1::2::3]",
        "[.]"
      })
  void otherAddressesAreNotItsOwn(String host) {
    assertThat(names.include(List.of(host))).isFalse();
  }
}
