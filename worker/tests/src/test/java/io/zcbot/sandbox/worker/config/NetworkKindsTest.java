/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NetworkKindsTest {
  @Test
  void addressesAndNetworksAreListedOnce() throws Exception {
    assertThat(
            NetworkKinds.addressesAndNetworks()
                .parse("203.0.113.7, 198.51.100.0/24,203.0.113.7 2001:db8::/32"))
        .isEqualTo(List.of("203.0.113.7", "198.51.100.0/24", "2001:db8::/32"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.300",
        "010.0.0.1",
        "10.0.0",
        "167772161",
        "0x0a000001",
        "10.0.0.1/33",
        "10.0.0.1/",
        "10.0.0.1/-1",
        "10.0.0.0/08",
        "10.0.0.0/00",
        "2001:db8::/032",
        "10.0.0.1/255.0.0.0",
        "::1/129",
        ":::",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "[::1]",
        "localhost",
        "db.internal",
        "10.0.0.1:5432",
        "; rm -rf /"
      })
  void whatIsNoAddressIsRefusedWithoutALookUp(String text) {
    assertThatThrownBy(() -> NetworkKinds.addressesAndNetworks().parse(text))
        .hasMessageContaining("is neither an IP address nor a network");
  }

  @Test
  void egressIsPublicNoneOrAList() throws Exception {
    assertThat(NetworkKinds.egress().parse("NONE")).isEqualTo(new Egress.None());
    assertThat(NetworkKinds.egress().parse("public")).isEqualTo(new Egress.Public());
    assertThat(NetworkKinds.egress().parse("10.0.0.0/8, 192.0.2.1"))
        .isEqualTo(new Egress.Only(List.of("10.0.0.0/8", "192.0.2.1")));
  }

  @Test
  void aListWithANameOrAPortIsByName() throws Exception {
    assertThat(NetworkKinds.egress().parse("*.PyPI.org,github.com:443,10.0.0.5:5432,10.1.0.0/16"))
        .isEqualTo(
            new Egress.ByName(
                List.of("*.pypi.org", "github.com:443"), List.of("10.0.0.5:5432", "10.1.0.0/16")));
    assertThat(NetworkKinds.egress().parse("10.0.0.5:5432"))
        .isEqualTo(new Egress.ByName(List.of(), List.of("10.0.0.5:5432")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "*",
        "*.",
        "pypi.*",
        "a.*.org",
        "1.2.3",
        "0x7f.1",
        "10.0.0.300",
        "a..b",
        "-a.example",
        "a.example:0",
        "a.example:65536",
        "10.0.0.1:65536",
        "[fd00::1]:443",
        "a.example/24",
        "a.example.",
        "https://a.example",
        "ä.example"
      })
  void whatIsNeitherAddressNorNameIsRefused(String entry) {
    assertThatThrownBy(() -> NetworkKinds.egress().parse("10.0.0.1," + entry))
        .hasMessageContaining("'" + entry + "' is no IP address");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254:80",
        "169.254.169.254",
        "169.254.0.0/16",
        "127.0.0.1",
        "224.0.0.0/4",
        "0.0.0.0",
        "fe80::1",
        "::1"
      })
  void anAllowListOpensNeitherMetadataNorTheHost(String network) {
    assertThatThrownBy(() -> NetworkKinds.egress().parse("192.0.2.1," + network))
        .hasMessageContaining("'" + network + "' can't be allowed");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0/0", "::/0"})
  void anAllowListOfEverythingIsRefused(String network) {
    assertThatThrownBy(() -> NetworkKinds.egress().parse(network))
        .hasMessageContaining("is every address; write public instead");
  }

  @Test
  void resolversAreAListOrOff() throws Exception {
    assertThat(NetworkKinds.dns().parse("Off")).isEqualTo(new Dns.Off());
    assertThat(NetworkKinds.dns().parse("9.9.9.9 2620:fe::fe"))
        .isEqualTo(new Dns.Resolvers(List.of("9.9.9.9", "2620:fe::fe")));
  }

  @Test
  void aListenAddressIsNoName() throws Exception {
    assertThat(NetworkKinds.listenAddress().parse("localhost:0"))
        .isEqualTo(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    for (String bad : List.of("example.org:1", "127.0.0.1", "127.0.0.1:65536", ":80")) {
      assertThatThrownBy(() -> NetworkKinds.listenAddress().parse(bad))
          .hasMessageStartingWith("must be an IP address or localhost, and a port");
    }
  }
}
