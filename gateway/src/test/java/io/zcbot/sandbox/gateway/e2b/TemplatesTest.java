/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.AbstractThrowableAssert;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Which profile a template is, with and without the file of profiles; GatewayIT has the sandboxes
 * that are made of them.
 */
class TemplatesTest {
  private static final ApiKey ALL = key(Set.of());
  private static final ApiKey SOME = key(Set.of("data-science"));

  private static ApiKey key(Set<String> profiles) {
    return new ApiKey("id", "tenant", "hash", Instant.EPOCH, 0, 0, 0, 0, profiles);
  }

  private static Templates templates(@Nullable Map<String, GatewayOptions.Size> profiles) {
    return new Templates(
        new GatewayOptions(
            "127.0.0.1",
            0,
            Path.of("keys"),
            Path.of("secret"),
            "localhost",
            1,
            512,
            Duration.ofHours(1),
            Duration.ofHours(1),
            null,
            Set.of(),
            profiles));
  }

  private static AbstractThrowableAssert<?, ?> assertRefused(
      Templates templates, String template, ApiKey key, int status) {
    return assertThatThrownBy(() -> templates.profile(template, key))
        .isInstanceOfSatisfying(E2bException.class, e -> assertThat(e.status()).isEqualTo(status));
  }

  @Test
  void withoutTheFileAnyNameThatAProfileCanHaveIsOne() {
    Templates templates = templates(null);
    assertThat(templates.profile("base", ALL)).isEqualTo("default");
    assertThat(templates.profile("code-interpreter-v1", ALL)).isEqualTo("default");
    assertThat(templates.profile("data-science", ALL)).isEqualTo("data-science");
    assertThat(templates.size("data-science")).isEqualTo(new GatewayOptions.Size(1, 512));
    assertRefused(templates, "Data Science", ALL, 400)
        .hasMessageContaining("template 'Data Science' does not exist");
  }

  @Test
  void withTheFileOnlyItsNamesAre() {
    Templates templates =
        templates(
            Map.of(
                "default",
                new GatewayOptions.Size(1, 512),
                "data-science",
                new GatewayOptions.Size(2, 2048)));
    assertThat(templates.profile("base", ALL)).isEqualTo("default");
    assertThat(templates.profile("code-interpreter-v1", ALL)).isEqualTo("default");
    assertThat(templates.size(templates.profile("data-science", ALL)))
        .isEqualTo(new GatewayOptions.Size(2, 2048));
    assertRefused(templates, "nosuch", ALL, 400)
        .hasMessageContaining(
            "template 'nosuch' does not exist; this server has: base, code-interpreter-v1,"
                + " data-science");
  }

  @Test
  void anOperatorMayNameAProfileAsTheCodeInterpretersTemplate() {
    Templates templates =
        templates(Map.of("code-interpreter-v1", new GatewayOptions.Size(2, 1024)));
    assertThat(templates.profile("code-interpreter-v1", ALL)).isEqualTo("code-interpreter-v1");
    assertThat(templates.profile("base", ALL)).isEqualTo("default");
  }

  @Test
  void aKeyMayBeForSomeProfilesOnly() {
    Templates templates = templates(null);
    assertThat(templates.profile("data-science", SOME)).isEqualTo("data-science");
    assertRefused(templates, "base", SOME, 403)
        .hasMessageContaining("may not use the template 'default'; it may use: data-science");
    assertRefused(templates, "other", SOME, 403);
  }
}
