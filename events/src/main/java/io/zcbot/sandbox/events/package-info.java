/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The contract between agent services and sandbox workers: event records, their JSON form, and the
 * topics that carry them. The package does not depend on a Kafka client, so any producer or auditor
 * can use it.
 *
 * <p>All public types are immutable and safe for concurrent use.
 */
@NullMarked
package io.zcbot.sandbox.events;

import org.jspecify.annotations.NullMarked;
