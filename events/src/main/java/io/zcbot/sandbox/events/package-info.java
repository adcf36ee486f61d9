/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The contract between agent services and sandbox workers: event records, their JSON form, and the
 * topics that carry them. Depends on no Kafka client, so that any producer or auditor can use it.
 */
@NullMarked
package io.zcbot.sandbox.events;

import org.jspecify.annotations.NullMarked;
