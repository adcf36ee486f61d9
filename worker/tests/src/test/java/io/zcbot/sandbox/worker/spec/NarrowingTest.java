/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.statistics.Statistics;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which lists of an ensure a profile allows. NarrowedTest has what is done with them. */
class NarrowingTest {
  private static final List<Integer> PORTS = List.of(80, 443, 8443);

  private static List<String> list(String text) {
    return Stream.of(text.split(" ")).filter(entry -> !entry.isEmpty()).toList();
  }

  private static String problem(String profile, String allow) {
    List<String> all = list(profile);
    return Narrowing.problem(
        new Egress.ByName(
            all.stream().filter(entry -> AllowedName.parse(entry) != null).toList(),
            all.stream().filter(entry -> AllowedName.parse(entry) == null).toList()),
        list(allow));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          a.example | ''
          a.example | a.example
          a.example | a.example:443
          a.example | a.example:80 a.example:443
          a.example:443 a.example:80 | a.example
          *.a.example | b.a.example
          *.a.example | c.b.a.example:443
          *.a.example | *.a.example
          *.a.example | *.b.a.example
          a.example 10.0.0.5:5432 | 10.0.0.5:5432
          10.0.0.5:5432 fd00::1 | fd00::1 10.0.0.5:5432
          """)
  void aListWithinTheProfilesIsAllowed(String profile, String allow) {
    assertThat(problem(profile, allow)).isNull();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          a.example | b.example | does not allow 'b.example' at port 443
          a.example | a.example:8443 | does not allow 'a.example:8443' at port 8443
          a.example:443 | a.example | does not allow 'a.example' at port 80
          *.a.example | a.example | does not allow 'a.example' at port 443
          b.a.example | *.a.example | does not allow '*.a.example' at port 443
          *.b.a.example | *.a.example | does not allow '*.a.example' at port 443
          *.a.example | ba.example | does not allow 'ba.example' at port 443
          a.example | * | '*' is neither a name
          a.example | *. | '*.' is neither a name
          *.a.example | b*.a.example | 'b*.a.example' is neither a name
          *.a.example | ..a.example | '..a.example' is neither a name
          a.example | a.example:0 | 'a.example:0' is neither a name
          a.example | a.example:65536 | 'a.example:65536' is neither a name
          a.example | 10.0.0.5 | '10.0.0.5' is neither a name
          10.0.0.0/24 | 10.0.0.5 10.0.0.0/24 | '10.0.0.5' is neither a name
          a.example 10.0.0.5:5432 | a.example | add 10.0.0.5:5432, or ask for a profile without them
          """)
  void allElseIsRefusedWithTheEntryAndTheFix(String profile, String allow, String problem) {
    assertThat(problem(profile, allow)).startsWith("but ").contains(problem);
  }

  @Test
  void aProblemOfALongListFitsIntoAMessage() {
    StringBuilder many = new StringBuilder();
    for (int i = 0; i < 1000; i++) {
      many.append("host").append(i).append(".example ");
    }
    assertThat(problem(many.toString(), "other.example").length()).isLessThan(900);
  }

  @Property
  void whatIsAllowedReachesNothingThatTheProfileDoesNot(
      @ForAll("lists") List<String> profile,
      @ForAll("lists") List<String> allow,
      @ForAll("hosts") String host) {
    boolean isAllowed = Narrowing.problem(new Egress.ByName(profile, List.of()), allow) == null;
    Statistics.label("allowed").collect(isAllowed);
    for (int port : PORTS) {
      boolean wider = reaches(allow, host, port) && !reaches(profile, host, port);
      assertThat(isAllowed && wider).as("%s at %s", host, port).isFalse();
    }
  }

  /** What the proxy lets pass, written in another way. */
  private static boolean reaches(List<String> list, String host, int port) {
    return list.stream()
        .anyMatch(
            entry -> {
              String[] parts = entry.split(":");
              boolean atPort =
                  parts.length == 1 ? port == 80 || port == 443 : parts[1].equals("" + port);
              return atPort
                  && (parts[0].startsWith("*.")
                      ? host.matches("(.+\\.)" + parts[0].substring(2).replace(".", "\\."))
                      : host.equals(parts[0]));
            });
  }

  @Provide
  Arbitrary<String> hosts() {
    return Arbitraries.of("a", "b", "ab").list().ofMinSize(1).ofMaxSize(3).map(this::under);
  }

  private String under(List<String> labels) {
    return String.join(".", labels) + ".io";
  }

  @Provide
  Arbitrary<List<String>> lists() {
    return Combinators.combine(
            Arbitraries.of("", "*."), hosts(), Arbitraries.of("", ":443", ":80", ":8443"))
        .as((all, host, port) -> all + host + port)
        .list()
        .ofMaxSize(4);
  }

  @Test
  void equalPoliciesHaveOneDigestAndOthersAnother() {
    Egress profile = new Egress.ByName(List.of("*.a.example", "b.example"), List.of("10.0.0.5"));
    Egress narrow = new Egress.ByName(List.of("b.example"), List.of("10.0.0.5"));
    String narrowed = Narrowing.digest(profile, List.of("10.0.0.5", "b.example", "b.example"));
    assertThat(narrowed)
        .isEqualTo(Narrowing.digest(narrow, null))
        .isNotEqualTo(Narrowing.digest(profile, null))
        .isNotEqualTo(Narrowing.digest(profile, List.of("10.0.0.5")))
        .hasSize(32);
    assertThat(Narrowing.digest(new Egress.None(), List.of()))
        .isEqualTo(Narrowing.digest(new Egress.None(), null));
  }
}
