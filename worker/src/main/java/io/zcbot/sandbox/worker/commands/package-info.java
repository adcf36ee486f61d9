/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Runs users' commands: starts each at most once, in order, and answers it. */
@NullMarked
package io.zcbot.sandbox.worker.commands;

import org.jspecify.annotations.NullMarked;
