/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The read-only web page for the fleet, made from the topics alone. */
@NullMarked
package io.zcbot.sandbox.worker.console;

import org.jspecify.annotations.NullMarked;
