/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Runs users' commands: starts each at most once, in the order of the log, and answers it. */
@NullMarked
package io.zcbot.sandbox.worker.commands;

import org.jspecify.annotations.NullMarked;
