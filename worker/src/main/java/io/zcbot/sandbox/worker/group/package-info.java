/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What becomes of users and their sandboxes as the consumer group moves partitions between workers.
 */
@NullMarked
package io.zcbot.sandbox.worker.group;

import org.jspecify.annotations.NullMarked;
