/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class EventSchemasPropertyTest {
  private final EventCodec codec = new EventCodec();

  @Provide
  Arbitrary<SandboxEvent> events() {
    return Events.any();
  }

  @Property(tries = 500)
  void whatIsWrittenIsDescribed(@ForAll("events") SandboxEvent event) {
    assertThat(TestSchemas.problems(event.topic(), codec.encode(event))).isEmpty();
  }
}
