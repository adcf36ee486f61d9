/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Answers ensures: admission, the look at the engine, the decision and the action. */
@NullMarked
package io.zcbot.sandbox.worker.ensure;

import org.jspecify.annotations.NullMarked;
