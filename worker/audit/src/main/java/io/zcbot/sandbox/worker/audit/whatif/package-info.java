/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What workers with other settings would have done with the users who came. */
@NullMarked
package io.zcbot.sandbox.worker.audit.whatif;

import org.jspecify.annotations.NullMarked;
