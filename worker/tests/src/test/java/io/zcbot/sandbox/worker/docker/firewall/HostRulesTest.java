/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The text of the host's rules, as the image's script makes it. */
class HostRulesTest {
  private static final Path IMAGE = Path.of("../..", "sandbox-image").toAbsolutePath();
  private final Map<String, String> settings =
      new TreeMap<>(
          Map.of(
              "ZCBOT_BRIDGE", "br-1",
              "ZCBOT_SUBNETS", "172.20.0.0/16,fd00:1::/64",
              "ZCBOT_EGRESS", "public",
              "ZCBOT_POLICY", "abc",
              "ZCBOT_OWNER", "w1"));

  @TempDir Path directory;

  @Test
  void publicEgress() throws Exception {
    settings.put("ZCBOT_PG_IPS", "203.0.113.7");
    settings.put("ZCBOT_RESOLVERS", "10.0.0.53");

    List<String> rules = chain("egress");

    assertThat(rules)
        .startsWith(
            "ip daddr 10.0.0.53 udp dport 53 accept",
            "ip daddr 10.0.0.53 tcp dport 53 accept",
            "udp dport 53 jump refuse",
            "tcp dport 53 jump refuse",
            "tcp dport 25 jump refuse",
            "ct status dnat jump refuse",
            "ip daddr 203.0.113.7 jump refuse")
        .endsWith("accept")
        .contains(
            "ip daddr 169.254.0.0/16 jump refuse",
            "ip daddr 10.0.0.0/8 jump refuse",
            "ip6 daddr fc00::/7 jump refuse");
    assertThat(rules.stream().filter(rule -> rule.endsWith("accept"))).hasSize(3);
  }

  @Test
  void anAllowListComesAfterWhatIsNeverOpened() throws Exception {
    settings.put("ZCBOT_EGRESS", "10.1.0.0/16,2001:db8::/32");

    List<String> rules = chain("egress");

    assertThat(rules)
        .endsWith("ip daddr 10.1.0.0/16 accept", "ip6 daddr 2001:db8::/32 accept", "jump refuse")
        .doesNotContain("ip daddr 10.0.0.0/8 jump refuse", "udp dport 53 jump refuse");
    assertThat(rules.indexOf("ip daddr 169.254.0.0/16 jump refuse"))
        .isBetween(0, rules.indexOf("ip daddr 10.1.0.0/16 accept"));
  }

  @Test
  void byNameOnlyListedAddressesAreForwardedAndAllElseOfTcpGoesToTheProxy() throws Exception {
    settings.put("ZCBOT_BY_NAME", "on");
    settings.put("ZCBOT_EGRESS", "10.0.0.5:5432");
    settings.put("ZCBOT_PG_IPS", "203.0.113.7");

    assertThat(chain("egress").stream().filter(rule -> rule.endsWith("accept")))
        .containsExactly("ip daddr 10.0.0.5 tcp dport 5432 accept");
    assertThat(chain("egress")).endsWith("jump refuse");
    List<String> redirected = chain("by_name");
    assertThat(redirected)
        .startsWith(
            "ip daddr 10.0.0.5 tcp dport 5432 return",
            "ip daddr 198.18.0.1 udp dport 53 redirect to :61053",
            "ip daddr 198.18.0.1 tcp dport 53 redirect to :61053",
            "tcp dport { 25, 53 } return",
            "ip daddr 198.18.0.1 meta l4proto tcp redirect to :61080",
            "ip daddr 203.0.113.7 return")
        .contains("ip daddr 169.254.0.0/16 return", "ip daddr 192.168.0.0/16 return")
        .endsWith("ip protocol tcp redirect to :61080");
    assertThat(chain("to_host"))
        .contains(
            "ct status dnat tcp dport { 61053, 61080 } accept",
            "ct status dnat udp dport 61053 accept")
        .endsWith("jump refuse");
    assertThat(chain("share_out").getFirst()).startsWith("th dport { 53, 61053 } update @queries");
  }

  @Test
  void dnsOff() throws Exception {
    settings.put("ZCBOT_DNS", "off");

    for (String egress : List.of("public", "10.1.0.0/16")) {
      settings.put("ZCBOT_EGRESS", egress);
      assertThat(chain("egress"))
          .startsWith("udp dport 53 jump refuse", "tcp dport 53 jump refuse");
    }
  }

  @Test
  void mailWhereItIsAllowed() throws Exception {
    settings.put("ZCBOT_SMTP", "on");

    assertThat(chain("egress")).doesNotContain("tcp dport 25 jump refuse");
  }

  @Test
  void aSealHoldsBackWhatNeverComesToTheBridge() throws Exception {
    settings.put("ZCBOT_RESOLVERS", "127.0.0.53,10.0.0.53,fd00::53,9.9.9.9");
    settings.put("ZCBOT_FLOWS", "10");
    settings.put("ZCBOT_FLOW_RATE", "5");
    settings.put("ZCBOT_BANDWIDTH", "2097152");
    String seal = run("print-seal", "172.20.0.1");

    assertThat(chain(seal, "names"))
        .contains(
            "ip daddr 127.0.0.11 udp dport 53 dnat to numgen inc mod 2 map { 0 : 10.0.0.53, 1 :"
                + " 9.9.9.9 }");
    assertThat(chain(seal, "early"))
        .containsExactly(
            "type filter hook output priority raw; policy accept;",
            "ip daddr 127.0.0.11 return",
            "oifname \"lo\" meta l4proto != icmp notrack",
            "oifname \"lo\" icmp type echo-request notrack",
            "oifname != \"lo\" rt nexthop != 172.20.0.1 jump refuse");
    assertThat(chain(seal, "output"))
        .containsExactly(
            "type filter hook output priority filter; policy accept;",
            "ip daddr 127.0.0.11 jump refuse",
            "ct direction original ct status & confirmed != confirmed limit rate over 5/second burst"
                + " 25 packets jump refuse",
            "ct direction original ct status & confirmed != confirmed ct count over 10 jump refuse",
            "ct state established,related,new th dport 53 limit rate over 1280 bytes/second burst 6400"
                + " bytes drop",
            "ct state established,related,new limit rate over 2048/second burst 10240 packets drop",
            "ct state established,related,new limit rate over 2097152 bytes/second burst 10485760"
                + " bytes drop",
            "oifname \"lo\" accept",
            "ct state invalid,untracked drop");
  }

  @Test
  void aSealWithoutResolversLetsNoQuestionPass() throws Exception {
    settings.put("ZCBOT_RESOLVERS", "10.0.0.53");
    settings.put("ZCBOT_DNS", "off");

    assertThat(run("print-seal", "172.20.0.1")).doesNotContain("dnat");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''            | 10              | '' is not the address of a gateway
          172.20.0.1/16 | 10              | '172.20.0.1/16' is not the address of a gateway
          10.0.0.1 lo   | 10              | '10.0.0.1 lo' is not the address of a gateway
          172.20.0.1    | 10; flush       | ZCBOT_FLOWS: '10; flush' is not a number
          """)
  void aSealOfNonsenseIsRefused(String gateway, String flows, String problem) throws Exception {
    settings.put("ZCBOT_FLOWS", flows);

    assertThat(run("print-seal", gateway)).startsWith("zcbot-sandbox failed settings: " + problem);
  }

  /** Other sandboxes' seals wait for the same helper. */
  @Test
  void aSealOfNonsenseDoesNotEndTheOthers() throws Exception {
    Path questions =
        Files.writeString(
            directory.resolve("questions"),
            """
            2000000000
            2000000000 172.20.0.1/16
            2000000000 172.20.0.1
            """);

    assertThat(run(questions, "seal").lines())
        .containsExactly(
            "zcbot-sandbox ready seal=yes",
            "failed 2000000000: '' is not the address of a gateway",
            "failed 2000000000: '172.20.0.1/16' is not the address of a gateway",
            "gone 2000000000");
  }

  @Test
  void nothingReachesTheHostButResolversAndNeighbourDiscovery() throws Exception {
    settings.put("ZCBOT_RESOLVERS", "172.20.0.1");

    assertThat(chain("to_host"))
        .containsExactly(
            "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept",
            "jump source",
            "jump share_out",
            "ip daddr 172.20.0.1 udp dport 53 accept",
            "ip daddr 172.20.0.1 tcp dport 53 accept",
            "meta nfproto ipv4 udp dport 9 reject with icmp prot-unreachable",
            "jump refuse");
    assertThat(chain("source"))
        .containsExactly(
            "ip saddr 172.20.0.0/16 return",
            "ip6 saddr fd00:1::/64 return",
            "ip6 saddr fe80::/10 return",
            "drop");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ZCBOT_PG_IPS    | db.example          | ZCBOT_PG_IPS: 'db.example' is not
          ZCBOT_EGRESS    | 10.0.0.1;drop       | ZCBOT_EGRESS: '10.0.0.1;drop' is not
          ZCBOT_SUBNETS   | 10.0.0.0/8 } accept | ZCBOT_SUBNETS: '}' is not
          ZCBOT_RESOLVERS | dead.beef           | ZCBOT_RESOLVERS: 'dead.beef' is not
          ZCBOT_BRIDGE    | br"x                | ZCBOT_BRIDGE: 'br"x' is not
          ZCBOT_OWNER     | a"b                 | ZCBOT_OWNER: 'a"b' is not
          ZCBOT_POLICY    | a b                 | ZCBOT_POLICY: 'a b' is not
          ZCBOT_SUBNETS   | ''                  | ZCBOT_SUBNETS: the network has none
          ZCBOT_BANDWIDTH | 1 mbytes            | ZCBOT_BANDWIDTH: '1 mbytes' is not
          """)
  void whatCouldMeanSomethingElseIsRefused(String key, String value, String problem)
      throws Exception {
    settings.put(key, value);

    assertThat(print()).startsWith("zcbot-sandbox failed settings: " + problem);
  }

  /** More can't be in a rule's comment. */
  @Test
  void aLongWorkerIdIsCutInTheComment() throws Exception {
    settings.put("ZCBOT_POLICY", "0123456789abcdef0123456789abcdef");
    settings.put("ZCBOT_OWNER", "w".repeat(120) + "-europe1");

    assertThat(chain("about").getFirst())
        .hasSize("return comment \"\"".length() + 128)
        .contains(" owner=www", "www-europe1\"");
  }

  /** The rules of one chain of the inet table. */
  private List<String> chain(String name) throws Exception {
    return chain(print(), name);
  }

  private static List<String> chain(String text, String name) {
    String start = "\tchain " + name + " {\n";
    assertThat(text).contains(start);
    int from = text.indexOf(start) + start.length();
    return text.substring(from, text.indexOf("\n\t}", from)).lines().map(String::strip).toList();
  }

  private String print() throws IOException, InterruptedException {
    return run("print");
  }

  private String run(String... words) throws IOException, InterruptedException {
    return run(Path.of("/dev/null"), words);
  }

  private String run(Path input, String... words) throws IOException, InterruptedException {
    Path output = directory.resolve("output");
    ProcessBuilder script =
        new ProcessBuilder(
                Stream.concat(
                        Stream.of("bash", IMAGE.resolve("host-firewall.sh").toString()),
                        Stream.of(words))
                    .toList())
            .redirectInput(input.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    script.environment().put("ZCBOT_FIREWALL_LIB", IMAGE.resolve("firewall.sh").toString());
    // a function, since this is no container of its own whose /proc/sys it may mount
    script.environment().put("BASH_FUNC_mount%%", "() { :; }");
    script.environment().putAll(settings);
    Process process = script.start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }
}
