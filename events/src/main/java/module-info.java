/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */

/**
 * The contract between agent services and sandbox workers. It requires only a JSON parser: no Kafka
 * client, no logging and no reflection.
 */
module io.zcbot.sandbox.events {
  requires com.fasterxml.jackson.core;
  requires static transitive org.jspecify;

  exports io.zcbot.sandbox.events;
}
