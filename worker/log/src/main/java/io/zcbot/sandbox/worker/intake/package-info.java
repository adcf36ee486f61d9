/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Reads from Kafka: the poll loop over ensures, offset tracking, rebalances, and the followers of
 * activity and of commands.
 */
@NullMarked
package io.zcbot.sandbox.worker.intake;

import org.jspecify.annotations.NullMarked;
