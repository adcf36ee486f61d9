/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** API keys, tenants' limits, and the tokens of sandboxes. */
@NullMarked
package io.zcbot.sandbox.gateway.keys;

import org.jspecify.annotations.NullMarked;
