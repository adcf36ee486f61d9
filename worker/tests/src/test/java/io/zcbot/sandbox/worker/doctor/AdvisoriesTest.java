/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.security.Row;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdvisoriesTest {
  @ParameterizedTest
  @CsvSource({
    "1.1.11, 3",
    "1.1.12, 2",
    "1.1.15+ds1, 2",
    "v1.2.7, 2",
    "1.2.8, 1",
    "1.3.2, 2",
    "1.3.3, 1",
    "1.3.6, 0",
    "1.4.0-rc.3, 1",
    "1.4.3, 0",
    "1.5.0, 0",
    "2.0, 0",
    "unknown, 0",
    "'', 0"
  })
  void runc(String version, int advisories) {
    assertThat(Advisories.BUILT_IN.of("runc", version)).hasSize(advisories);
  }

  @ParameterizedTest
  @CsvSource({
    "20.10.24, 5",
    "23.0.11, 4",
    "25.0.5, 4",
    "25.0.13, 3",
    "26.1.5+dfsg1, 4",
    "27.5.1, 4",
    "28.0.0, 3",
    "28.1.1, 3",
    "28.2.0, 4",
    "28.3.3, 3",
    "29.5.0, 3",
    "29.5.1, 0"
  })
  void engine(String version, int advisories) {
    assertThat(Advisories.BUILT_IN.of("engine", version)).hasSize(advisories);
  }

  @Row(62)
  @ParameterizedTest
  @CsvSource({
    "4.13.16, 0",
    "5.10.253, 1",
    "5.10.254-1-amd64, 0",
    "6.5.0, 1",
    "6.12.84, 1",
    "6.18.44-fc-v595, 0",
    "6.19.11, 1",
    "7.0.0-rc.1, 0"
  })
  void kernel(String version, int advisories) {
    assertThat(Advisories.BUILT_IN.of("kernel", version)).hasSize(advisories);
  }

  @Row(62)
  @Test
  void everyAdvisoryNamesItsSource() {
    assertThat(Advisories.BUILT_IN.all())
        .hasSizeGreaterThan(9)
        .allMatch(each -> each.ids().matches("CVE-\\d{4}-\\d{4,}(, CVE-\\d{4}-\\d{4,})*"))
        .allMatch(each -> each.source().startsWith("https://"));
  }

  @Row(62)
  @Test
  void anOperatorsListTakesThePlaceOfThatOfTheRelease(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("advisories.txt");
    Files.writeString(
        file,
        "# newer\nas of | 2027-03-01\n"
            + "engine | CVE-2027-1 | something new | 29.0.0 | 30.0.1 | https://example.org\n");

    Advisories newer = Advisories.in(file);

    assertThat(newer.of("engine", "29.9.0")).singleElement().asString().contains("something new");
    assertThat(newer.of("engine", "28.0.0")).isEmpty();
    assertThat(newer.finding(LocalDate.parse("2027-08-01")).level()).isEqualTo(Finding.Level.OK);
  }

  @Row(62)
  @Test
  void anOldListIsWarnedOf() {
    assertThat(Advisories.BUILT_IN.finding(LocalDate.parse("2030-01-01")))
        .satisfies(
            finding -> {
              assertThat(finding.level()).isEqualTo(Finding.Level.WARN);
              assertThat(finding.detail()).contains("more than 180 days ago");
              assertThat(finding.fix()).contains("ZCBOT_ADVISORIES");
            });
  }

  @Row(62)
  @Test
  void aListThatMeansNothingIsWarnedOfAndNotUsed(@TempDir Path directory) throws Exception {
    for (String text :
        List.of(
            "engine | CVE-2027-1 | no date | - | 30.0.1 | https://example.org\n",
            "as of | yesterday\n",
            "as of | 2027-03-01\nengine | CVE-2027-1 | too few words | 30.0.1\n",
            "as of | 2027-03-01\nengine | CVE-2027-1 | no version | - | soon | https://x\n")) {
      Path file = Files.writeString(directory.resolve("advisories.txt"), text);
      Advisories none = Advisories.in(file);
      assertThat(none.finding(LocalDate.parse("2027-03-02")).level())
          .as(text)
          .isEqualTo(Finding.Level.WARN);
      assertThat(none.of("runc", "1.1.11")).hasSize(3);
    }
    assertThat(Advisories.in(directory.resolve("none")).finding(LocalDate.now()).detail())
        .contains("can't be used");
  }
}
