/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Reads the output of a container's init, which reports whether the firewall is in force. */
@NullMarked
package io.zcbot.sandbox.worker.docker.init;

import org.jspecify.annotations.NullMarked;
