/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The Model Context Protocol: tools with which any agent uses a sandbox, over HTTP and stdio. */
@NullMarked
package io.zcbot.sandbox.gateway.mcp;

import org.jspecify.annotations.NullMarked;
