/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Copies answers to the topics that their requests name. */
@NullMarked
package io.zcbot.sandbox.worker.reply;

import org.jspecify.annotations.NullMarked;
