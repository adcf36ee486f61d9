/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Stories, read again from the bytes in which they are stored. */
class TimelineTest {
  private final Timeline timeline = new Timeline();

  private static String reported(Timeline timeline) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      json.writeStartArray();
      timeline.write(json);
      json.writeEndArray();
    }
    return text.toString();
  }

  private static String reported(long from, long to, String kind, String text, int count) {
    return "[%d,%d,\"%s\",\"%s\",%d,0]".formatted(from, to, kind, text, count);
  }

  @Test
  void whatHappensAgainAndAgainMayDoSoForMonths() throws Exception {
    long late = Duration.ofDays(90).toMillis();
    timeline.add(0, "activity", "", 0);
    timeline.add(late, "activity", "", 0);

    assertThat(reported(timeline)).isEqualTo("[" + reported(0, late, "activity", "", 2) + "]");
  }

  @Test
  void whatIsReadOutOfOrderIsReportedInOrderAndTheOldestIsForgotten() throws Exception {
    Random random = new Random(1);
    List<Long> times = new ArrayList<>();
    for (int i = 0; i < 3 * Timeline.MOST; i++) {
      // No two alike, so that each is an entry of its own.
      long time = 1000L * i - (random.nextInt(4) == 0 ? 2500 + i % 7 : 0);
      times.add(time);
      timeline.add(time, "exec", "é" + time, 0);
      times.sort(null);
      if (times.size() > Timeline.MOST) {
        times.removeFirst();
      }
    }

    List<String> expected =
        times.stream().map(time -> reported(time, time, "exec", "é" + time, 1)).toList();
    assertThat(reported(timeline)).isEqualTo("[" + String.join(",", expected) + "]");
  }
}
