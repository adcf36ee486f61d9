/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** E2B's interface: the control plane, and the data plane of each sandbox. */
@NullMarked
package io.zcbot.sandbox.gateway.e2b;

import org.jspecify.annotations.NullMarked;
