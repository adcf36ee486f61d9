/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TraceHeadersTest {
  private static final String PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  private final RecordHeaders headers = new RecordHeaders();

  private TraceHeaders read(String... namesAndValues) {
    for (int i = 0; i < namesAndValues.length; i += 2) {
      headers.add(namesAndValues[i], namesAndValues[i + 1].getBytes(ISO_8859_1));
    }
    return TraceHeaders.of(headers);
  }

  private @Nullable String stateOf(String value) {
    return read("traceparent", PARENT, "tracestate", value).state();
  }

  @Test
  void whatIsValidIsPassedOnAsItWas() {
    TraceHeaders read =
        read(
            "other", "x",
            "traceparent", PARENT,
            "tracestate", "congo=t61rcWkgMzE, rojo@vendor=00f0 67aa",
            "baggage", "userId=alice,serverNode=DF%2028;prop=1");
    RecordHeaders copy = new RecordHeaders();
    read.addTo(copy);
    headers.remove("other");
    assertThat(copy).isEqualTo(headers);
  }

  @Test
  void aRecordWithoutATraceHasNone() {
    assertThat(read("other", "x", "tracestate", "a=b")).isSameAs(TraceHeaders.NONE);
    RecordHeaders copy = new RecordHeaders();
    TraceHeaders.NONE.addTo(copy);
    assertThat(copy).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "\u00ff0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      })
  void aMalformedParentIsAbsentAndSoIsItsState(String parent) {
    TraceHeaders read = read("traceparent", parent, "tracestate", "a=b", "baggage", "c=d");
    assertThat(read).isEqualTo(new TraceHeaders(null, null, "c=d"));
  }

  @Test
  void aLaterVersionInTheSameFormIsPassedOn() {
    String later = "cc" + PARENT.substring(2);
    assertThat(read("traceparent", later).parent()).isEqualTo(later);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"a", "=b", "A=b", "a=b=c", "a=b\u0000", "a=\u00e4", "a=b,,,\u007f", "a= "})
  void aMalformedStateIsAbsent(String state) {
    assertThat(stateOf(state)).isNull();
  }

  @Test
  void stateHasABound() {
    assertThat(stateOf("a=" + "b".repeat(256))).isNotNull();
    assertThat(stateOf("a=" + "b".repeat(257))).isNull();
    assertThat(stateOf(members(32, "v"))).isNotNull();
    assertThat(stateOf(members(33, "v"))).isNull();
    String full = members(4, "v".repeat(124));
    assertThat(stateOf(full + " ".repeat(512 - full.length()))).isNotNull();
    assertThat(stateOf(full + " ".repeat(513 - full.length()))).isNull();
  }

  private static String members(int count, String value) {
    return IntStream.range(0, count)
        .mapToObj(i -> "k" + i + "=" + value)
        .collect(Collectors.joining(","));
  }

  @Test
  void baggageHasABoundAndIsText() {
    assertThat(read("baggage", "a=" + "b".repeat(8190)).baggage()).hasSize(8192);
    assertThat(read("baggage", "a=" + "b".repeat(8191)).baggage()).isNull();
    assertThat(read("baggage", "a=\u00c3\u0028").baggage()).isNull();
    assertThat(read("baggage", "a=b\r\nx: y").baggage()).isNull();
    headers.add("baggage", null);
    assertThat(TraceHeaders.of(headers)).isSameAs(TraceHeaders.NONE);
  }

  @Test
  void ofManyHeadersTheLastCounts() {
    for (int i = 0; i < 100_000; i++) {
      headers.add("traceparent", "x".getBytes(ISO_8859_1));
      headers.add("baggage", new byte[] {(byte) i});
    }
    TraceHeaders read = read("traceparent", PARENT, "baggage", "a=b");
    assertThat(read).isEqualTo(new TraceHeaders(PARENT, null, "a=b"));
  }

  @Test
  void headersOfMegabytesAreNotPassedOn() {
    byte[] huge = new byte[3 << 20];
    Arrays.fill(huge, (byte) 'a');
    for (String name : new String[] {"traceparent", "tracestate", "baggage"}) {
      headers.add(name, huge);
    }
    assertThat(TraceHeaders.of(headers)).isEqualTo(TraceHeaders.NONE);
  }

  @Property(tries = 500)
  void noBytesAreTooBad(
      @ForAll byte @Size(max = 600) [] parent,
      @ForAll byte @Size(max = 600) [] state,
      @ForAll byte @Size(max = 600) [] baggage) {
    headers.add("traceparent", parent);
    headers.add("tracestate", state);
    headers.add("baggage", baggage);
    RecordHeaders copy = new RecordHeaders();
    TraceHeaders.of(headers).addTo(copy);
    assertThat(TraceHeaders.of(copy)).isEqualTo(TraceHeaders.of(headers));
  }
}
