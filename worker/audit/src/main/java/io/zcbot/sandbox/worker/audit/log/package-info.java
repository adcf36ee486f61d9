/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The sources of an audit's records: the topics, or files that {@code sandbox export} wrote. */
@NullMarked
package io.zcbot.sandbox.worker.audit.log;

import org.jspecify.annotations.NullMarked;
