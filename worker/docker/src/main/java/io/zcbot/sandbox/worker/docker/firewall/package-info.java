/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Keeps firewall rules in force, on the host and in sandboxes' network namespaces. */
@NullMarked
package io.zcbot.sandbox.worker.docker.firewall;

import org.jspecify.annotations.NullMarked;
