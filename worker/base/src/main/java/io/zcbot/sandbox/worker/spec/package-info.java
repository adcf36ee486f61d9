/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** How a sandbox is created: image, limits, network policy. Values only. */
@NullMarked
package io.zcbot.sandbox.worker.spec;

import org.jspecify.annotations.NullMarked;
