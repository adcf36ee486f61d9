/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

/** A Kafka cluster: its id, and how many brokers it has. */
public record Cluster(String id, int brokers) {}
