/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Keeps the rules on the sandboxes' bridge in force. */
@NullMarked
package io.zcbot.sandbox.worker.docker.firewall;

import org.jspecify.annotations.NullMarked;
