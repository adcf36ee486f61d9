/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import java.util.Collection;

/** Counts what is read from the input topics. */
final class IntakeCounters implements IntakeMetrics {
  private final MeterRegistry registry;
  private final Counter activities;
  private final Counter droppedInputs;

  /**
   * Registers every series with the value zero, so that a first occurrence shows as an increase.
   */
  IntakeCounters(MeterRegistry registry, Collection<String> topics) {
    this.registry = registry;
    this.activities =
        Counter.builder("zcbot.activities").description("Activities read").register(registry);
    this.droppedInputs =
        Counter.builder("zcbot.inputs.dropped")
            .description("Inputs of commands that nobody knew, or that were forwarded in vain")
            .register(registry);
    topics.forEach(this::deadLetters);
    topics.forEach(this::forwards);
    topics.forEach(this::droppedDiversions);
  }

  @Override
  public void deadLettered(String topic) {
    deadLetters(topic).increment();
  }

  @Override
  public void forwarded(String topic) {
    forwards(topic).increment();
  }

  @Override
  public void diversionDropped(String topic) {
    droppedDiversions(topic).increment();
  }

  @Override
  public void activity() {
    activities.increment();
  }

  @Override
  public void inputsDropped(int count) {
    droppedInputs.increment(count);
  }

  private Counter deadLetters(String topic) {
    return Counter.builder("zcbot.dead.letters")
        .description("Records that were not valid events")
        .tag("topic", topic)
        .register(registry);
  }

  private Counter forwards(String topic) {
    return Counter.builder("zcbot.forwarded")
        .description("Records forwarded to the partition of their key")
        .tag("topic", topic)
        .register(registry);
  }

  private Counter droppedDiversions(String topic) {
    return Counter.builder("zcbot.diversions.dropped")
        .description("Records neither forwarded nor made dead letters, as a partition took nothing")
        .tag("topic", topic)
        .register(registry);
  }
}
