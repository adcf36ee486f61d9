/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import io.opentelemetry.api.common.AttributeKey;

/**
 * The attributes of spans, named by OpenTelemetry's semantic conventions. Apart from the user's id,
 * none contains what agents or sandboxes wrote.
 */
final class Names {
  static final String KAFKA = "kafka";

  static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("messaging.system");
  static final AttributeKey<String> OPERATION_NAME =
      AttributeKey.stringKey("messaging.operation.name");
  static final AttributeKey<String> OPERATION_TYPE =
      AttributeKey.stringKey("messaging.operation.type");
  static final AttributeKey<String> DESTINATION =
      AttributeKey.stringKey("messaging.destination.name");
  static final AttributeKey<String> PARTITION =
      AttributeKey.stringKey("messaging.destination.partition.id");
  static final AttributeKey<Long> OFFSET = AttributeKey.longKey("messaging.kafka.offset");
  static final AttributeKey<String> GROUP = AttributeKey.stringKey("messaging.consumer.group.name");
  static final AttributeKey<String> USER = AttributeKey.stringKey("enduser.pseudo.id");

  /** The outcome or reason of an input's answer, as in the event. */
  static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("zcbot.outcome");

  private Names() {}
}
