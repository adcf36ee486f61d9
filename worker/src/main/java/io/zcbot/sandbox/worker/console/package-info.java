/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The web page for the fleet: made of the topics alone, and only for reading. */
@NullMarked
package io.zcbot.sandbox.worker.console;

import org.jspecify.annotations.NullMarked;
