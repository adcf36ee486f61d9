/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.Topic;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * What an {@link OffsetCheckedConsumer} checks.
 *
 * @param topics those that others than workers write
 * @param batches makes a reader of batches, once it is needed
 */
record OffsetCheck(Set<String> topics, Supplier<BatchReader> batches) {
  /** Checks all topics of requests. */
  static OffsetCheck ofRequests(String prefix, Supplier<BatchReader> batches) {
    return new OffsetCheck(
        Arrays.stream(Topic.values())
            .filter(Topic::isInput)
            .map(topic -> topic.named(prefix))
            .collect(Collectors.toSet()),
        batches);
  }
}
