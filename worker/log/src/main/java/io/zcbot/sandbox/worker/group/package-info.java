/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Handles users and their sandboxes when the consumer group moves partitions between workers. */
@NullMarked
package io.zcbot.sandbox.worker.group;

import org.jspecify.annotations.NullMarked;
