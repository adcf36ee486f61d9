/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** How an ensure is answered: who may come in, what the engine shows, what is done about it. */
@NullMarked
package io.zcbot.sandbox.worker.ensure;

import org.jspecify.annotations.NullMarked;
