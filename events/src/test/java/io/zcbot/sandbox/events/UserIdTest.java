/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.UUID;
import java.util.regex.Pattern;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UserIdTest {
  private static final Pattern CANONICAL =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  private static final String GOOD = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  @Test
  void theCanonicalFormIsTakenAndGivenBack() {
    assertThat(UserId.parse(GOOD)).hasToString(GOOD);
    assertThat(UserId.parse(GOOD)).isEqualTo(new UserId(UUID.fromString(GOOD)));
    assertThat(UserId.parse("00000000-0000-0000-0000-000000000000")).isNotNull();
    assertThat(UserId.parse("ffffffff-ffff-ffff-ffff-ffffffffffff")).isNotNull();
  }

  /** As in the Python client; the first is the example of RFC 9562, appendix A.4. */
  @Test
  void usersWhoHaveOtherIdsGetAUuid() {
    UUID dns = UUID.fromString("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    UUID own = UUID.fromString("7c9e6679-7425-40de-944b-e07fc1f90ae7");
    assertThat(UserId.of(dns, "www.example.com"))
        .hasToString("2ed6657d-e927-568b-95e1-2665a8aea6a2");
    assertThat(UserId.of(own, "42")).hasToString("808159be-e307-5100-a2cb-c90f16aa6c3c");
    assertThat(UserId.of(own, "zo\u00eb@example.com \ud83e\udd8a"))
        .hasToString("98b1b6f5-1931-57cc-8aa5-f2dd9d9b9f89");
    assertThatIllegalArgumentException().isThrownBy(() -> UserId.of(own, ""));
    assertThatIllegalArgumentException().isThrownBy(() -> UserId.of(own, "\ud800"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "x",
        "null",
        "{7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10}",
        "urn:uuid:7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10",
        "7f3c1d529a544c0e8f2b6f1d2f6f7a10",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a100",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10\n",
        "\n7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10",
        " 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1\0",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10\0",
        "7f3c1d52/9a54-4c0e-8f2b-6f1d2f6f7a10",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1g",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1٠",
        "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1１",
        "7f3c1d52‐9a54-4c0e-8f2b-6f1d2f6f7a10",
        "1-1-1-1-1",
        "İf3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10",
        "$(reboot)",
        "; rm -rf /",
        "\u202e7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a1"
      })
  void anythingElseIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UserId.parse(text))
        .withMessageStartingWith("not a UUID: '")
        .withMessageEndingWith(
            "; use the canonical lower-case form, e.g. 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  }

  @Test
  void upperCaseIsRefusedWithTheRemedy() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UserId.parse("7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10"))
        .withMessage(
            "not in canonical form: '7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10'; write it in lower"
                + " case: '7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10'");
  }

  @Test
  void aLongTextIsNotRepeatedInFull() {
    Throwable refusal = catchThrowable(() -> UserId.parse("x".repeat(300)));
    assertThat(refusal).hasMessageStartingWith("not a UUID: '" + "x".repeat(64) + "…'");
    assertThat(String.valueOf(refusal.getMessage())).hasSizeLessThan(200);
  }

  @Test
  void controlCharactersAreNotRepeatedAtAll() {
    Throwable refusal =
        catchThrowable(() -> UserId.parse("a\u0000b\u001b[2Jc\u007fd\u009be\u202ef\u2028g"));
    assertThat(refusal).hasMessageStartingWith("not a UUID: 'a?b?[2Jc?d?e?f?g'");
  }

  @Property
  void everyUuidSurvivesItsText(@ForAll long high, @ForAll long low) {
    UserId user = new UserId(new UUID(high, low));
    assertThat(UserId.parse(user.toString())).isEqualTo(user);
  }

  /** So two inputs never share a container name, a directory or a key (checklist row 39). */
  @Property
  void onlyItsOwnTextNamesAUser(@ForAll String text) {
    Throwable refusal = catchThrowable(() -> UserId.parse(text));
    if (refusal == null) {
      assertThat(UserId.parse(text)).hasToString(text);
    } else {
      assertThat(refusal).isExactlyInstanceOf(IllegalArgumentException.class);
    }
  }

  @Property(tries = 5_000)
  void aChangedCharacterIsTakenOnlyWhereTheTextStaysCanonical(
      @ForAll long high, @ForAll long low, @ForAll @IntRange(max = 35) int at, @ForAll char with) {
    String text = new UUID(high, low).toString();
    for (char c : new char[] {with, '-', 'f', 'g', '/', ':', '`', 'A'}) {
      String changed = text.substring(0, at) + c + text.substring(at + 1);
      Throwable refusal = catchThrowable(() -> UserId.parse(changed));
      assertThat(refusal == null).isEqualTo(CANONICAL.matcher(changed).matches());
    }
  }
}
