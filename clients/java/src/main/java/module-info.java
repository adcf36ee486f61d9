/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */

/** The client library for agent services: sandboxes of users, and commands in them. */
@SuppressWarnings({
  "requires-automatic",
  "requires-transitive-automatic"
}) // Kafka's client and Micrometer are not modules yet
module io.zcbot.sandbox.client {
  requires transitive io.zcbot.sandbox.events;
  requires transitive kafka.clients;
  requires org.slf4j;
  requires static micrometer.core;
  requires static transitive org.jspecify;

  exports io.zcbot.sandbox.client;
}
