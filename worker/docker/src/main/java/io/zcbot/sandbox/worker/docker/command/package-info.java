/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Runs commands in sandboxes, through the runner in each of them. */
@NullMarked
package io.zcbot.sandbox.worker.docker.command;

import org.jspecify.annotations.NullMarked;
